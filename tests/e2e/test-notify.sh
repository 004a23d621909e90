#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# systemd's way: READY=1 once connections are accepted, STOPPING=1, and a
# listening socket passed as descriptor 3.
. "$(dirname "$0")/lib.sh"
need python3
mkdir lower
echo x >lower/f
cat >run.py <<'PY'
import os, signal, socket, subprocess, sys
veneer, client = sys.argv[1:]
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind('notify')
notify.settimeout(10)
listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
listener.bind('passed')
listener.listen(5)
pid = os.fork()
if pid == 0:
    os.dup2(listener.fileno(), 3)
    os.environ.update(NOTIFY_SOCKET=os.path.abspath('notify'), LISTEN_FDS='1',
                      LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES='veneer.socket')
    os.execv(veneer, [veneer, 'serve', '--lower', 'lower'])
listener.close()
try:
    assert notify.recv(100) == b'READY=1'
    out = subprocess.run([client, 'passed', 'cat', 'f'], capture_output=True, timeout=10)
    assert out.stdout == b'x\n', out
finally:
    os.kill(pid, signal.SIGTERM)
assert notify.recv(100) == b'STOPPING=1'
assert os.waitpid(pid, 0)[1] == 0
PY
timeout 40 python3 run.py "$VENEER" "$(client_path)" 2>log || fail "$(cat log)"
