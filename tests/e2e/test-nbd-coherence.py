# SPDX-License-Identifier: BSD-3-Clause
# Run by test-nbd-coherence.sh in its directory.
import errno
import os
import subprocess
import sys

import nbd

client = sys.argv[1]
sock = 'nbd+unix:///%s?socket=' + os.path.abspath('sock')
KB = 1024


def connect(name):
    h = nbd.NBD()
    h.set_strict_mode(0)
    h.connect_uri(sock % name)
    return h


def p9(*args):
    out = subprocess.run([client, 'sock9', *args], capture_output=True, timeout=20)
    assert out.returncode == 0, (args, out)
    return out.stdout


# One file: by turns, and the first write of each brings it to the upper.
h = connect('a.img')
assert h.pread(4, 0) == b'aaaa'
assert p9('append', 'a.img', 'tail') == b''
assert os.path.exists('upper/a.img'), 'not copied up by 9P'
assert h.get_size() == 64 * KB, 'the size of an export changed'
assert connect('a.img').get_size() == 64 * KB + 5
for i in range(50):
    h.pwrite(b'%04d' % i, i * 512)
    assert p9('cat', 'a.img')[i * 512:i * 512 + 4] == b'%04d' % i
h2 = connect('b.img')
assert not os.path.exists('upper/b.img'), 'copied up by opening it'
h2.pwrite(b'nbd', 100)
assert p9('cat', 'b.img')[99:104] == b'bnbdb'

# Renamed: who has it open goes on; the name leads to what is there now.
p9('rename', 'a.img', 'moved.img')
h.pwrite(b'after the rename', 0)
assert p9('cat', 'moved.img')[:16] == b'after the rename'
try:
    connect('a.img')
    assert False, 'the old name is still there'
except nbd.Error:
    pass
assert connect('moved.img').pread(5, 0) == b'after'
p9('rename', 'b.img', 'moved.img')
assert h.pread(5, 0) == b'after', 'replaced by a rename'
assert connect('moved.img').pread(3, 100) == b'nbd'

# Unlinked: the same, and what was never written stays usable, too.
p9('unlink', 'moved.img')
h2.pwrite(b'unlinked', 0)
h2.flush()
assert h2.pread(8, 0) == b'unlinked'
h3 = connect('c.img')
p9('unlink', 'c.img')
assert h3.pread(4, 4 * KB) == b'cccc'
h3.pwrite(b'still', 4 * KB)
assert h3.pread(10, 4 * KB - 3) == b'cccstillcc'
assert not os.path.exists('upper/c.img') or not os.path.isfile('upper/c.img')

# Truncated: zeros; a write makes it as long again.
h4 = connect('d.img')
p9('truncate', 'd.img', str(8 * KB))
assert h4.get_size() == 64 * KB
assert h4.pread(8 * KB, 4 * KB) == b'd' * 4 * KB + b'\0' * 4 * KB
assert h4.pread(100, 60 * KB) == b'\0' * 100
assert connect('d.img').get_size() == 8 * KB
h4.pwrite(b'end', 64 * KB - 3)
assert os.stat('upper/d.img').st_size == 64 * KB
try:
    h4.pwrite(b'end', 64 * KB - 2)
    assert False, 'wrote behind the end'
except nbd.Error as e:
    assert e.errnum in (errno.ENOSPC, errno.EINVAL), e
# Several connections, one file: a write on one, a flush on another, read on a third.
many = [connect('d.img') for _ in range(3)]
for i in range(200):
    text = b'%08d' % i
    many[i % 3].pwrite(text, i * 8)
    many[(i + 1) % 3].flush()
    assert many[(i + 2) % 3].pread(8, i * 8) == text
