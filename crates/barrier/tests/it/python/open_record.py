"""Opens an epoch header with a password, and a sealed record under it.

Written from docs/format/epoch.md, slot.md and record.md alone; shares no code with Keyward.
Reads one JSON document on standard input and writes one on standard output.
"""

import base64
import hashlib
import hmac
import json
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def unbase64(text):
    return base64.b64decode(text, validate=True)


def be(number, length):
    return number.to_bytes(length, "big")


def canonical(value):
    # Enough of RFC 8785 for this format: whole numbers and names in ASCII.
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()


def box_open(key, box, associated):
    return AESGCM(key).decrypt(box[:12], box[12:], associated)


class Header:
    """epoch.md §1 to §3."""

    def __init__(self, data, pinned):
        document = json.loads(data)
        if canonical(document) != data:
            raise SystemExit("header is not canonical")
        body = document["header"]
        if (body["type"], body["version"]) != ("keyward/epoch-header", 1):
            raise SystemExit("another format")
        spki = unbase64(body["identity"])
        self.root = hashlib.sha256(spki).digest()
        if body["rootId"] != "sha256:" + self.root.hex() or body["rootId"] != pinned:
            raise SystemExit("another root")
        self.public = serialization.load_der_public_key(spki)
        self.public.verify(
            unbase64(document["signature"]), b"keyward/epoch-header/v1\0" + canonical(body)
        )
        self.epoch = body["epoch"]
        self.check = unbase64(body["check"])
        self.body = body
        self.slots = body["slots"]
        self.identity_record = unbase64(body["identityRecord"])

    def derive(self, key, info):
        return HKDF(hashes.SHA256(), 32, salt=self.root, info=info).derive(key)

    def unseal(self, password):
        for slot in self.slots:
            key = open_slot(slot, self.root, self.epoch, password)
            if key is not None:
                return self.checked(key)
        raise SystemExit("wrong password")

    def check_value(self, key, epoch):
        """epoch.md §4."""
        check_key = self.derive(key, b"keyward/check/v1\0")
        return hmac.digest(check_key, self.root + be(epoch, 4), "sha256")

    def checked(self, key):
        """The key, once check value and identity have been compared."""
        if not hmac.compare_digest(self.check_value(key, self.epoch), self.check):
            raise SystemExit("wrong key")
        seed = open_record(self, key, 1, "identity", 1, self.identity_record)["value"]
        if Ed25519PrivateKey.from_private_bytes(seed).public_key() != self.public:
            raise SystemExit("wrong identity")
        return key


def open_slot(slot, root, epoch, password):
    """slot.md §2 and §3."""
    way = slot["way"]
    if way["kind"] != "password":
        return None
    if slot["suite"] != "X-Wing/HKDF-SHA256/AES-256-GCM":
        raise SystemExit("another suite")
    salt, public, slot_id = unbase64(way["salt"]), unbase64(slot["public"]), bytes.fromhex(slot["id"])
    derived = Argon2id(
        salt=salt,
        length=64,
        iterations=way["passes"],
        lanes=way["lanes"],
        memory_cost=way["memoryKib"],
    ).derive(password.encode())
    costs = be(way["memoryKib"], 4) + be(way["passes"], 4) + be(way["lanes"], 4)
    said = b"keyward/password-slot/v1\0" + root + slot_id + costs + salt + public
    if not hmac.compare_digest(hmac.digest(derived[32:], said, "sha256"), unbase64(way["mac"])):
        return None
    return unwrap(slot, root, epoch, derived[:32])


def unwrap(slot, root, epoch, secret):
    """slot.md §3: the root key, by the secret of §4."""
    private, made = key_pair(secret)
    if made != unbase64(slot["public"]):
        raise SystemExit("another public part")
    slot_id = bytes.fromhex(slot["id"])
    suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    info = b"keyward/slot-wrap/v1\0" + root + be(epoch, 4) + slot_id
    return suite.decrypt(unbase64(slot["wrapped"]), private, info)


def key_pair(secret):
    """slot.md §4: DeriveKeyPair of the KEM, then X-Wing's expansion of its seed."""
    label = b"DeriveKeyPair"
    seed = hashlib.shake_256(
        secret + b"HPKE-v1" + b"KEM\x64\x7a" + be(len(label), 2) + label + be(32, 2)
    ).digest(32)
    expanded = hashlib.shake_256(seed).digest(96)
    mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
    x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
    public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
    return MLKEM768X25519PrivateKey(mlkem, x25519), public


def open_record(header, key, kind, record_id, version, record, epoch=None):
    """record.md; in the header's epoch unless another is named."""
    epoch = header.epoch if epoch is None else epoch
    name = be(kind, 1) + be(version, 4) + be(len(record_id), 1) + record_id.encode()
    head = b"KWRECORD\x01" + be(epoch, 4) + name
    if not record.startswith(head):
        raise SystemExit("another record")
    rest = record[len(head) :]
    wrapped, count, rest = rest[:60], rest[60], rest[61:]
    boxes, listing = {}, be(count, 1)
    for _ in range(count):
        name_end = 1 + rest[0]
        field, length = rest[1:name_end], int.from_bytes(rest[name_end : name_end + 4], "big")
        listing += rest[: name_end + 4]
        boxes[field] = rest[name_end + 4 : name_end + 4 + length]
        rest = rest[name_end + 4 + length :]
    if rest:
        raise SystemExit("bytes after the end")

    def bound(part):
        return b"keyward/record/v1\0" + be(part, 1) + header.root + be(epoch, 4) + name

    wrapping = header.derive(key, b"keyward/record-key/v1\0" + name)
    data_key = box_open(wrapping, wrapped, bound(0) + listing)
    return {
        field.decode(): box_open(data_key, box, bound(1) + be(len(field), 1) + field)
        for field, box in boxes.items()
    }


def main():
    question = json.load(sys.stdin)
    header = Header(unbase64(question["header"]), question["pinned"])
    key = header.unseal(question["password"])
    name = question["name"]
    fields = open_record(
        header, key, name["kind"], name["id"], name["version"], unbase64(question["record"])
    )
    answer = {field: base64.b64encode(value).decode() for field, value in fields.items()}
    json.dump({"epoch": header.epoch, "fields": answer}, sys.stdout)


if __name__ == "__main__":
    main()
