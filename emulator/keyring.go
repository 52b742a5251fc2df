package emulator

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"time"
)

// keyring holds the emulator's own keys: the certificate authority of its TLS certificate, the token signing keys, and
// the key that seals what browsers and clients carry for us (sessions, delta positions).
type keyring struct {
	caPEM   []byte
	tls     tls.Certificate
	seal    cipher.AEAD
	dir     *os.Root
	signing signingKeys
}

// Certificates span decades on purpose: the emulator's clock may be moved, its clients' clocks not.
var (
	validFrom  = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)
	validUntil = time.Date(2049, time.December, 31, 0, 0, 0, 0, time.UTC)
)

// openKeyring loads the keys from the state folder, making those that are missing. Without a folder they last as long
// as the process.
func openKeyring(dir *os.Root, hosts []string) (*keyring, error) {
	k := &keyring{dir: dir}
	caKey, caCert, err := loadOrMake(dir, "ca", func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) },
		&x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Entra emulator CA"}, IsCA: true,
			BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign})
	if err != nil {
		return nil, err
	}
	k.caPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caCert.Raw})
	if k.tls, err = serverCertificate(caKey, caCert, hosts); err != nil {
		return nil, err
	}
	if err := k.prepare(2); err != nil {
		return nil, err
	}
	k.seal, err = sealingKey(dir)
	return k, err
}

// loadOrMake reads a private key with its self-signed certificate from one PEM file, or makes and keeps it.
func loadOrMake(dir *os.Root, name string, generate func() (crypto.Signer, error), template *x509.Certificate) (crypto.Signer, *x509.Certificate, error) {
	file := name + ".pem"
	if dir != nil {
		content, err := dir.ReadFile(file)
		if err == nil {
			return parseKeyFile(file, content)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("read the emulator's key file: %w", err)
		}
	}
	key, err := generate()
	if err != nil {
		return nil, nil, fmt.Errorf("make the emulator's key %s: %w", name, err)
	}
	template.NotBefore, template.NotAfter = validFrom, validUntil
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, fmt.Errorf("make the emulator's certificate %s: %w", name, err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("encode the emulator's key %s: %w", name, err)
	}
	content := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	if dir != nil {
		if err := dir.WriteFile(file, content, 0o600); err != nil {
			return nil, nil, fmt.Errorf("keep the emulator's key: %w", err)
		}
	}
	return parseKeyFile(file, content)
}

func parseKeyFile(file string, content []byte) (crypto.Signer, *x509.Certificate, error) {
	keyBlock, rest := pem.Decode(content)
	certBlock, _ := pem.Decode(rest)
	if keyBlock == nil || certBlock == nil {
		return nil, nil, fmt.Errorf("%s in the state folder is not a key with its certificate: delete it to have a new one made", file)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s in the state folder: %w", file, err)
	}
	cert, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s in the state folder: %w", file, err)
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, nil, fmt.Errorf("%s in the state folder holds no signing key", file)
	}
	return key, cert, nil
}

func serverCertificate(caKey crypto.Signer, ca *x509.Certificate, hosts []string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make the TLS key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make the TLS certificate: %w", err)
	}
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "Entra emulator"}, NotBefore: validFrom, NotAfter: validUntil,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if host != "" {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca, key.Public(), caKey)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make the TLS certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der, ca.Raw}, PrivateKey: key}, nil
}

func sealingKey(dir *os.Root) (cipher.AEAD, error) {
	const file = "sealing.key"
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make the sealing key: %w", err)
	}
	if dir != nil {
		switch kept, err := dir.ReadFile(file); {
		case err == nil && len(kept) == len(key):
			key = kept
		case err == nil:
			return nil, fmt.Errorf("%s in the state folder is damaged: delete it, then sessions and delta positions start over", file)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("read the sealing key: %w", err)
		default:
			if err := dir.WriteFile(file, key, 0o600); err != nil {
				return nil, fmt.Errorf("keep the sealing key: %w", err)
			}
		}
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("use the sealing key: %w", err)
	}
	return cipher.NewGCM(block)
}

// sealed makes text that only this emulator can read or make, for one purpose.
func (k *keyring) sealed(purpose string, content []byte) string {
	nonce := make([]byte, k.seal.NonceSize())
	_, _ = rand.Read(nonce) // crypto/rand never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(k.seal.Seal(nonce, nonce, content, []byte(purpose)))
}

func (k *keyring) opened(purpose, text string) ([]byte, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) < k.seal.NonceSize() {
		return nil, false
	}
	content, err := k.seal.Open(nil, raw[:k.seal.NonceSize()], raw[k.seal.NonceSize():], []byte(purpose))
	return content, err == nil
}
