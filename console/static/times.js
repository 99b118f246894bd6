// Keeps "3 minutes ago" true while a page is open. The server wrote the first
// text, and the absolute time stands in the title.
const steps = [
  [60, 1, "second"],
  [3600, 60, "minute"],
  [86400, 3600, "hour"],
  [86400 * 30, 86400, "day"],
  [86400 * 365, 86400 * 30, "month"],
  [Infinity, 86400 * 365, "year"],
];

function words(seconds) {
  const ahead = seconds < 0;
  const n = Math.abs(seconds);
  if (n < 5) return "just now";
  const [, size, unit] = steps.find(([end]) => n < end);
  const count = Math.floor(n / size);
  const text = `${count} ${unit}${count === 1 ? "" : "s"}`;
  return ahead ? `in ${text}` : `${text} ago`;
}

function update() {
  for (const el of document.querySelectorAll("time[data-relative]")) {
    const text = words((Date.now() - Date.parse(el.dateTime)) / 1000);
    if (el.textContent !== text) el.textContent = text;
  }
}

document.addEventListener("coffer:changed", update);
setInterval(update, 15000);
update();
