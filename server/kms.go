package server

import (
	"context"
	"fmt"

	_ "gocloud.dev/secrets/hashivault"   // hashivault://KEY, by VAULT_SERVER_URL and VAULT_SERVER_TOKEN
	_ "gocloud.dev/secrets/localsecrets" // base64key://KEY

	"coffer"
	"coffer/crypt"
)

// openKMS opens the keys of SSE-KMS.
func openKMS(ctx context.Context, list coffer.Secret) (*crypt.KMS, error) {
	kms, err := crypt.OpenKMS(ctx, list.Reveal())
	if err != nil {
		return nil, fmt.Errorf("COFFER_KMS_KEYS cannot be used: %w", err)
	}
	return kms, nil
}
