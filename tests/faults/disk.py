"""Rebuilds a data folder as a power cut would have left it, from the log of the `power_cut.c` shim.

What stood before a file's last flush is kept. Of what came later, a seeded choice decides for each write on its own:
nothing, a beginning of the sequence, or any subset with torn sectors, as disks with a write-back cache do.
A new name is durable once its file or its folder was flushed after the naming (what ext4 gives).
"""

import struct
from dataclasses import dataclass, field
from pathlib import Path

CREATE, WRITE, TRUNCATE, FLUSH, RENAME, UNLINK, FOLDER = range(1, 8)
RECORD = struct.Struct("<IIQQ")
SECTOR = 512
MANNERS = ("nothing", "beginning", "subset")


@dataclass
class Record:
    """One noted change: what, to which inode, and where it stands in the log."""

    kind: int
    file: int
    position: int
    data: bytes
    stands_at: int

    @property
    def paths(self):
        return [Path(part.decode()) for part in self.data.rstrip(b"\0").split(b"\0")]


@dataclass
class File:
    """A file's content while the log is replayed."""

    content: bytearray = field(default_factory=bytearray)


def read_log(path):
    """The records of a log; an incomplete one at its end never happened."""
    data = Path(path).read_bytes()
    records, position = [], 0
    while position + RECORD.size <= len(data):
        kind, size, file, where = RECORD.unpack_from(data, position)
        start = position + RECORD.size
        if start + size > len(data):
            break
        records.append(Record(kind, file, where, data[start:start + size], position))
        position = start + size
    return records


def flushed_until(records):
    """For each inode, the log position before which everything is durable."""
    covered = {}
    for record in records:
        if record.kind == FLUSH:
            covered[record.file] = max(covered.get(record.file, 0), record.position)
    return covered


class Disk:
    """The folder as a set of names and contents: loaded from `base`, changed by a log, written elsewhere."""

    def __init__(self, base, inodes):
        self.files, self.names, self.folders = {}, {}, {}
        for path in sorted(Path(base).rglob("*")):
            real = inodes.get(path.relative_to(base))
            if path.is_dir():
                self.folders[real[1]] = real[0]
            elif path.is_file():
                self.names[real[0]] = real[1]
                self.files[real[1]] = File(bytearray(path.read_bytes()))

    def apply(self, record):
        """Makes one change."""
        file = self.files.setdefault(record.file, File())
        if record.kind == CREATE:
            self.files[record.file] = File()
            self.names[record.paths[0]] = record.file
        elif record.kind == WRITE:
            write_at(file.content, record.position, record.data)
        elif record.kind == TRUNCATE:
            resize(file.content, record.position)
        elif record.kind == RENAME:
            self.names.pop(record.paths[0], None)
            self.names[record.paths[1]] = record.file
        elif record.kind == UNLINK:
            self.names.pop(record.paths[0], None)
        elif record.kind == FOLDER:
            self.folders[record.file] = record.paths[0]

    def write_to(self, folder, original):
        """Writes the files below `folder`, which stands in for `original`."""
        for path in sorted(self.folders.values()):
            (Path(folder) / path.relative_to(original)).mkdir(parents=True, exist_ok=True)
        for path, inode in self.names.items():
            place = Path(folder) / path.relative_to(original)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(self.files[inode].content)


def write_at(content, position, data):
    if len(content) < position:
        content.extend(bytes(position - len(content)))
    content[position:position + len(data)] = data


def resize(content, length):
    if length <= len(content):
        del content[length:]
    else:
        content.extend(bytes(length - len(content)))


def inodes_of(folder):
    """Path below the folder → (absolute path, inode), as they are on the real disk."""
    folder = Path(folder)
    return {path.relative_to(folder): (path, path.stat().st_ino) for path in folder.rglob("*")}


def survivors(records, choice):
    """The records that a power cut leaves, in order; `choice` is a seeded `random.Random`."""
    covered = flushed_until(records)
    manner = choice.choice(MANNERS)
    kept_share = choice.random()
    broken_off = set()
    for record in records:
        if record.kind == FLUSH:
            continue
        if is_durable(record, covered):
            yield record
        elif manner == "subset":
            yield from torn(record, choice, kept_share)
        elif manner == "beginning" and record.file not in broken_off and choice.random() < kept_share:
            yield record
        else:
            broken_off.add(record.file)


def is_durable(record, covered):
    """True when a flush of the file (or, for names, of its folder) began after the record."""
    if record.stands_at < covered.get(record.file, 0):
        return True
    if record.kind in (CREATE, RENAME, UNLINK, FOLDER):
        folder = record.paths[-1].parent
        inode = folder.stat().st_ino if folder.exists() else 0
        return record.stands_at < covered.get(inode, 0)
    return False


def torn(record, choice, kept_share):
    """Any subset of what is not durable; a write may keep only some of its sectors."""
    if record.kind != WRITE:
        if choice.random() < kept_share:
            yield record
        return
    for start in range(0, len(record.data), SECTOR):
        if choice.random() < kept_share:
            yield Record(WRITE, record.file, record.position + start, record.data[start:start + SECTOR],
                         record.stands_at)


def is_exempt(path):
    """SQLite's shared-memory file is rebuilt at every start and written through a mapping."""
    return Path(path).name.endswith("-shm")


def cut(base, inodes, log, original, target, choice):
    """Writes to `target` what a power cut leaves of `original`, whose state at the log's start is `base`."""
    disk = Disk(base, inodes)
    for record in survivors(read_log(log), choice):
        disk.apply(record)
    disk.names = {path: inode for path, inode in disk.names.items() if not is_exempt(path)}
    disk.write_to(target, original)


def unexplained(base, inodes, log, original):
    """Files whose real content a full replay of the log does not give: must be empty, or the shim missed something."""
    disk = Disk(base, inodes)
    for record in read_log(log):
        if record.kind != FLUSH:
            disk.apply(record)
    real = {path: path.read_bytes() for path in Path(original).rglob("*") if path.is_file() and not is_exempt(path)}
    told = {path: bytes(disk.files[inode].content) for path, inode in disk.names.items() if not is_exempt(path)}
    return sorted(str(path) for path in real.keys() | told.keys() if real.get(path) != told.get(path))
