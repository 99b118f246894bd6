package objects

import (
	"encoding/base64"
	"encoding/hex"
	"testing"

	"coffer"
)

// TestChecksumsAreThoseOfTheirStandards holds the libraries to published values: the
// order of bytes of an xxHash is a convention (its canonical form, big-endian).
func TestChecksumsAreThoseOfTheirStandards(t *testing.T) {
	for _, tt := range []struct {
		alg         coffer.ChecksumAlgorithm
		bytes, want string
	}{
		{coffer.CRC32, "123456789", "cbf43926"},
		{coffer.CRC32C, "123456789", "e3069283"},
		{coffer.CRC64NVME, "123456789", "ae8b14860a799888"},
		{coffer.MD5, "", "d41d8cd98f00b204e9800998ecf8427e"},
		{coffer.SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
		{coffer.SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{coffer.SHA512, "abc", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
		{coffer.XXHASH64, "", "ef46db3751d8e999"},
		{coffer.XXHASH3, "", "2d06800538d394c2"},
		{coffer.XXHASH128, "", "99aa06d3014798d86001c324468d497f"},
	} {
		want, err := hex.DecodeString(tt.want)
		if err != nil {
			t.Fatal(err)
		}
		if got := sumOf(tt.alg, []byte(tt.bytes)); got != base64.StdEncoding.EncodeToString(want) {
			t.Errorf("sumOf(%s, %q) = %s, want %s", tt.alg, tt.bytes, got, base64.StdEncoding.EncodeToString(want))
		}
	}
	if len(coffer.ChecksumAlgorithms) != 10 {
		t.Errorf("there are %d algorithms, and 10 in this test", len(coffer.ChecksumAlgorithms))
	}
}
