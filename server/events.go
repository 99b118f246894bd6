package server

import (
	"context"
	"fmt"
	"strings"
	"time"

	"coffer/broker"
	"coffer/jobs"
	"coffer/objects"
	"coffer/remote"
	"coffer/webhook"
)

// checkTargets finds what is wrong with the definitions of where events go.
func (c *Config) checkTargets() error {
	seen := map[string]bool{}
	for _, w := range c.Webhooks {
		if err := w.Check(); err != nil {
			return fmt.Errorf("webhooks: %w", err)
		}
		if seen[w.Name] {
			return fmt.Errorf("webhooks has two called %s: give one another name", w.Name)
		}
		seen[w.Name] = true
	}
	clear(seen)
	for i := range c.ReplicationTargets {
		t := &c.ReplicationTargets[i]
		if t.Region == "" {
			t.Region = "us-east-1"
		}
		t.Endpoint = strings.TrimSuffix(t.Endpoint, "/")
		if err := t.Check(); err != nil {
			return fmt.Errorf("replication_targets: %w", err)
		}
		if seen[t.Name] {
			return fmt.Errorf("replication_targets has two called %s: give one another name", t.Name)
		}
		seen[t.Name] = true
	}
	return nil
}

// replicator makes the copies that the buckets' replication asks for.
func (s *Server) replicator() *jobs.Replicator {
	return &jobs.Replicator{Objects: s.stores.objects, Client: remote.New(s.cfg.Now), Now: s.cfg.Now, Logger: s.cfg.Logger}
}

// notify sends what the buckets' notifications ask for, until ctx ends.
func (s *Server) notify(ctx context.Context) {
	brokers := broker.New(broker.Options{AllowPrivate: s.cfg.WebhooksAllowPrivate})
	defer brokers.Close()
	n := &jobs.Notifier{Objects: s.stores.objects, Send: webhook.New(s.cfg.WebhooksAllowPrivate, s.cfg.Now).Send,
		Publish: brokers.Publish, Now: s.cfg.Now, Logger: s.cfg.Logger}
	n.Run(ctx)
}

// countTimeout bounds how long a scrape waits for the counters.
const countTimeout = time.Second

// eventGauges adds the numbers of all webhooks together to the metrics.
func (s *Server) eventGauges() {
	sum := func(pick func(objects.WebhookCounts) int64) func() float64 {
		return func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
			defer cancel()
			all, err := s.stores.objects.WebhookCounts(ctx)
			if err != nil {
				return 0
			}
			var n int64
			for _, c := range all {
				n += pick(c)
			}
			return float64(n)
		}
	}
	g, c := s.metrics.Gauge, s.metrics.Counter
	g("webhook_events_waiting", "Events that wait to be sent to webhooks.", sum(func(c objects.WebhookCounts) int64 { return c.Waiting }))
	g("webhook_events_dead", "Events that were given up and are kept.", sum(func(c objects.WebhookCounts) int64 { return c.Dead }))
	g("replication_objects_waiting", "Copies that replication has still to make.", func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
		defer cancel()
		n, err := s.stores.objects.ReplicationBacklog(ctx)
		if err != nil {
			return 0
		}
		return float64(n)
	})
	c("webhook_events_delivered_total", "Events that webhooks took.", sum(func(c objects.WebhookCounts) int64 { return c.Delivered }))
	c("webhook_deliveries_failed_total", "Deliveries that webhooks did not take.", sum(func(c objects.WebhookCounts) int64 { return c.Failed }))
	c("access_log_records_dropped_total", "Records of access logs that were lost.", func() float64 { return float64(s.stores.objects.AccessLogsDropped()) })
	c("webhook_events_dropped_total", "Events that were given up, and dropped because there were too many.", sum(func(c objects.WebhookCounts) int64 { return c.Dropped }))
}
