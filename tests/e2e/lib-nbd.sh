# SPDX-License-Identifier: BSD-3-Clause
# Sourced by the shell tests of NBD, which have real clients: lib.sh, and a
# server on ./sock.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# Debian's: another python in front of it does not know libnbd.
python=/usr/bin/python3

# serve_nbd OPTION...: as serve; ./sock speaks NBD.
serve_nbd() {
	rm -f log
	serve "$@" --listen "nbd+unix:$PWD/sock"
}
uri() { echo "nbd+unix:///$1?socket=$PWD/sock"; }

# json CODE: run it with what is in ./out as o.
json() { "$python" -c "import json
o = json.load(open('out'))
$1" || fail "$(cat out)"; }

need_nbdsh() {
	"$python" -c 'import nbd' 2>/dev/null || skip "python3-libnbd is missing"
}
# nbdsh_run URI CODE: run it with a connection to the image as h.
nbdsh_run() {
	timeout 60 "$python" -c "import errno, nbd
h = nbd.NBD()
h.connect_uri('$1')
$2
h.shutdown()" || fail "nbdsh: $2"
}
