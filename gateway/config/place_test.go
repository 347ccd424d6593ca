package config

import (
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// warned returns the warning of a key, "" if there is none.
func warned(c *Config, key string) string {
	for _, w := range c.Warnings(time.Now()) {
		if w.Key == key {
			return w.Expected
		}
	}
	return ""
}

func TestAPathThatDependsOnWhereMxgateIsStartedIsWarnedOf(t *testing.T) {
	for dir, want := range map[string]bool{"data": true, "./data": true, "/var/lib/mxgate": false} {
		got := warned(mustParse(t, fmt.Sprintf("data_dir = %q\n", dir)+minimal), "data_dir")
		if (got != "") != want || want && (!strings.Contains(got, "starts") || !strings.Contains(got, "absolute path")) {
			t.Errorf("%s: %q", dir, got)
		}
	}
}

func TestMetricsForEverybodyAreWarnedOf(t *testing.T) {
	for address, want := range map[string]bool{":9925": true, "0.0.0.0:9925": true, "[::]:9925": true, "127.0.0.1:9925": false, "[::1]:9925": false, "192.0.2.25:9925": false, "": false} {
		got := warned(mustParse(t, minimal+fmt.Sprintf("[metrics]\naddress = %q\n", address)), "metrics.address")
		if (got != "") != want || want && !strings.Contains(got, "no authentication") {
			t.Errorf("%s: %q", address, got)
		}
	}
}

func TestAnEncryptedKeyIsToldWithHowToDecryptIt(t *testing.T) {
	dir := t.TempDir()
	cert, key := writeCertificate(t, time.Now().Add(time.Hour))
	text, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	slices.Reverse(block.Bytes) // what no key reads like
	for name, encrypted := range map[string]*pem.Block{
		"PKCS #8":     {Type: "ENCRYPTED PRIVATE KEY", Bytes: block.Bytes},
		"traditional": {Type: "EC PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}, Bytes: block.Bytes},
	} {
		file := filepath.Join(dir, "encrypted.pem")
		if err := os.WriteFile(file, pem.EncodeToMemory(encrypted), 0o600); err != nil {
			t.Fatal(err)
		}
		faults := parseFaults(t, minimal+fmt.Sprintf("[tls]\ncert_file = %q\nkey_file = %q\n", cert, file))
		if len(faults) != 1 || !strings.Contains(faults[0], "tls.key_file") || !strings.Contains(faults[0], "is encrypted") || !strings.Contains(faults[0], "openssl pkey -in "+file+" -out ") {
			t.Errorf("%s: %q", name, faults)
		}
	}
}
