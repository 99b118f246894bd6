package main

import "testing"

func TestTogglesTakeOnAndOff(t *testing.T) {
	for text, want := range map[string]bool{"on": true, "true": true, "1": true, "off": false, "false": false, "0": false} {
		v := defaults()
		v.Encryption = !want
		if err := settingNamed("encryption").set(&v, text); err != nil || v.Encryption != want {
			t.Errorf("encryption = %s is %v, %v, want %v", text, v.Encryption, err, want)
		}
	}
	v := defaults()
	if err := settingNamed("encryption").set(&v, "maybe"); err == nil {
		t.Error("encryption = maybe is taken, want an error")
	}
}
