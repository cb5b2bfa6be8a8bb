"""Opens a backup with a password, recovery shares or keeper shares, and records of the epochs
that it leads to.

Written from docs/format/backup.md, share.md, epoch.md, slot.md and record.md alone; shares no
code with Keyward. Reads one JSON document on standard input and writes one on standard output.
"""

import base64
import hashlib
import hmac
import json
import sys

from open_record import Header, canonical, open_record, unbase64, unwrap


def read_backup(data, pinned):
    """backup.md."""
    document = json.loads(data)
    if canonical(document) != data:
        raise SystemExit("backup is not canonical")
    if (document["format"], document["v"]) != ("keyward-root-backup", 1):
        raise SystemExit("another format")
    digest = document.pop("digest")
    if digest != "sha256:" + hashlib.sha256(canonical(document)).hexdigest():
        raise SystemExit("damaged")
    return Header(canonical(document["header"]), pinned)


class Share:
    """share.md §1 and §2."""

    def __init__(self, text):
        text = "".join(text.split()).replace("-", "").upper()
        prefix, text = text[:4], text[4:]
        data = base64.b32decode(text + "=" * (-len(text) % 8))
        if len(data) != 97 or data[0] != 1:
            raise SystemExit("no share")
        check = hashlib.sha256(b"keyward/share-check/v1\0" + data[:89]).digest()[:8]
        if data[89:] != check:
            raise SystemExit("copied with a mistake")
        self.kind = data[1]
        if prefix != {1: "KWK1", 2: "KWR1"}[self.kind]:
            raise SystemExit("another kind")
        self.root, self.set = data[2:34], data[34:50].hex()
        self.epoch = int.from_bytes(data[50:54], "big")
        self.index, self.threshold, self.count = data[54], data[55], data[56]
        self.value = data[57:89]
        self.digest = hashlib.sha256(b"keyward/share/v1\0" + data).hexdigest()


def multiply(one, other):
    """share.md §4: GF(2^8) modulo x^8 + x^4 + x^3 + x + 1."""
    product = 0
    while other:
        if other & 1:
            product ^= one
        one = (one << 1) ^ (0x11B if one & 0x80 else 0)
        other >>= 1
    return product


def inverse(number):
    return next(other for other in range(1, 256) if multiply(number, other) == 1)


def combine(shares, header, terms, share_set, epoch=None):
    """share.md §5, then §4."""
    for share in shares:
        if share.root != header.root:
            raise SystemExit("another root")
        if epoch is not None and share.epoch != epoch:
            raise SystemExit("another epoch")
        if share.set != share_set:
            raise SystemExit("another set")
        if share.digest != terms["digests"][share.index - 1]:
            raise SystemExit("altered")
    if len({share.index for share in shares}) != len(shares):
        raise SystemExit("given twice")
    if len(shares) < terms["threshold"]:
        raise SystemExit("too few")
    secret = bytearray(32)
    for share in shares:
        factor = 1
        for other in shares:
            if other is not share:
                factor = multiply(factor, other.index)
                factor = multiply(factor, inverse(other.index ^ share.index))
        for at, value in enumerate(share.value):
            secret[at] ^= multiply(value, factor)
    return bytes(secret)


def unseal(header, question):
    if "password" in question:
        return header.unseal(question["password"])
    shares = [Share(text) for text in question["shares"]]
    if shares[0].kind == 1:
        keepers = header.body["keepers"]
        return header.checked(combine(shares, header, keepers, keepers["shareSet"], header.epoch))
    slot = next(slot for slot in header.slots if slot["way"]["kind"] == "recovery")
    secret = combine(shares, header, slot["way"], slot["id"])
    return header.checked(unwrap(slot, header.root, header.epoch, secret))


def keys(header, key):
    """epoch.md §5: the keys of all epochs that the header leads to."""
    found = {header.epoch: key}
    previous = header.body.get("previous")
    if previous:
        epoch = previous["epoch"]
        record = unbase64(previous["record"])
        former = open_record(header, key, 5, f"epoch-{epoch}", 1, record)["value"]
        if not hmac.compare_digest(header.check_value(former, epoch), unbase64(previous["check"])):
            raise SystemExit("wrong key of the epoch before")
        found[epoch] = former
    return found


def main():
    question = json.load(sys.stdin)
    header = read_backup(unbase64(question["backup"]), question["pinned"])
    held = keys(header, unseal(header, question))
    answer = []
    for record in question["records"]:
        name, epoch = record["name"], record["epoch"]
        row = unbase64(record["row"])
        fields = open_record(
            header, held[epoch], name["kind"], name["id"], name["version"], row, epoch
        )
        answer.append({field: base64.b64encode(value).decode() for field, value in fields.items()})
    json.dump({"epochs": sorted(held), "records": answer}, sys.stdout)


if __name__ == "__main__":
    main()
