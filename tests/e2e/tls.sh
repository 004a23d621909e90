# SPDX-License-Identifier: BSD-3-Clause
# Certificates by the recipe of veneer(8), TLS. Sourced by tests of TLS.

# make_ca DIR: an authority; its key beside DIR.
make_ca() {
	certtool --generate-privkey --key-type ecdsa --outfile "$1-ca-key.pem" 2>/dev/null
	printf '%s\n' 'cn = "my CA"' ca cert_signing_key >ca.info
	certtool --generate-self-signed --load-privkey "$1-ca-key.pem" \
		--template ca.info --outfile "$1/ca-cert.pem" 2>/dev/null || fail "certtool"
}

# make_cert DIR server|client [CA-DIR]: NAME-key.pem and NAME-cert.pem in DIR, by
# the authority of CA-DIR.
make_cert() {
	local dir=$1 name=$2 ca=${3:-$1}
	certtool --generate-privkey --key-type ecdsa --outfile "$dir/$name-key.pem" 2>/dev/null
	printf '%s\n' "cn = \"$name\"" 'dns_name = localhost' "tls_www_$name" \
		signing_key encryption_key >"$name.info"
	certtool --generate-certificate --load-privkey "$dir/$name-key.pem" \
		--load-ca-certificate "$ca/ca-cert.pem" --load-ca-privkey "$ca-ca-key.pem" \
		--template "$name.info" --outfile "$dir/$name-cert.pem" 2>/dev/null ||
		fail "certtool"
}
