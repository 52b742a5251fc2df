package app

// The key services that --key-file may name beside base64key://: each is a
// driver that registers its scheme.
import (
	_ "gocloud.dev/secrets/azurekeyvault" // azurekeyvault://NAME.vault.azure.net/keys/KEY
	_ "gocloud.dev/secrets/hashivault"    // hashivault://KEY
)
