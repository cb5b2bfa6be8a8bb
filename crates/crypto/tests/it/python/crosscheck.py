"""The second opinion on keys, signatures and wrapped keys: pyca/cryptography.

Reads one JSON document from stdin, writes one to stdout. Every value that is no name is
hexadecimal or PEM. A failed check ends with a traceback and an exit code other than 0.
"""

import hashlib
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, hpke, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, x25519

PREFIX = b"CompositeAlgorithmSignatures2025"
LABEL = b"COMPSIG-MLDSA65-Ed25519-SHA512"
COMPOSITE_SPKI = bytes.fromhex("308207d1300a06082b06010505070630038207c100")
SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


def composite_message(message):
    """M' of draft-ietf-lamps-pq-composite-sigs, section 2.2, with an empty context."""
    return PREFIX + LABEL + b"\0" + hashlib.sha512(message).digest()


class Composite:
    """The composite as its halves; pyca/cryptography has no name for it."""

    def __init__(self, seeds):
        self.ml_dsa = mldsa.MLDSA65PrivateKey.from_seed_bytes(seeds[:32])
        self.ed25519 = ed25519.Ed25519PrivateKey.from_private_bytes(seeds[32:])

    def spki(self):
        return (
            COMPOSITE_SPKI
            + self.ml_dsa.public_key().public_bytes_raw()
            + self.ed25519.public_key().public_bytes_raw()
        )

    def sign(self, message):
        message = composite_message(message)
        return self.ml_dsa.sign(message, LABEL) + self.ed25519.sign(message)

    def verify(self, signature, message):
        message = composite_message(message)
        self.ml_dsa.public_key().verify(signature[:3309], message, LABEL)
        self.ed25519.public_key().verify(signature[3309:], message)


class Plain:
    """A key that pyca/cryptography reads by itself."""

    def __init__(self, key):
        self.key = key
        self.arguments = [ec.ECDSA(hashes.SHA256())] if isinstance(
            key, ec.EllipticCurvePrivateKey
        ) else []

    def spki(self):
        return self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, message):
        return self.key.sign(message, *self.arguments)

    def verify(self, signature, message):
        self.key.public_key().verify(signature, message, *self.arguments)


def judge(case):
    """Checks a key and a signature of ours; signs with the same key."""
    if case["algorithm"] == "ML-DSA-65-ED25519":
        key = Composite(bytes.fromhex(case["material"]))
    else:
        key = Plain(serialization.load_pem_private_key(case["pkcs8"].encode(), None))
        public = serialization.load_pem_public_key(case["spki_pem"].encode())
        assert public == key.key.public_key(), "PEM is of another public key"
    assert key.spki().hex() == case["spki"], "public keys differ"
    message = bytes.fromhex(case["message"])
    key.verify(bytes.fromhex(case["signature"]), message)
    try:
        key.verify(bytes.fromhex(case["signature"]), message + b"!")
    except InvalidSignature:
        return {"signature": key.sign(message).hex()}
    raise AssertionError("a signature verifies over another message")


def make(name, key, message):
    """A key of theirs as we are to read it, with a signature."""
    pkcs8 = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"password"),
    )
    return {
        "algorithm": name,
        "pkcs8": pkcs8.decode(),
        "encrypted": encrypted.decode(),
        "spki": Plain(key).spki().hex(),
        "signature": Plain(key).sign(message).hex(),
    }


def wrap_pair():
    return hpke.MLKEM768X25519PrivateKey(
        mlkem.MLKEM768PrivateKey.from_seed_bytes(bytes(64)),
        x25519.X25519PrivateKey.from_private_bytes(bytes(range(32))),
    )


def wrap_public(raw):
    return hpke.MLKEM768X25519PublicKey(
        mlkem.MLKEM768PublicKey.from_public_bytes(raw[:1184]),
        x25519.X25519PublicKey.from_public_bytes(raw[1184:]),
    )


def main():
    document = json.load(sys.stdin)
    message = bytes.fromhex(document["message"])
    info = bytes.fromhex(document["info"])
    answer = {
        "judged": [judge(case) for case in document["cases"]],
        "made": [
            make("SHA256-ED25519", ed25519.Ed25519PrivateKey.generate(), message),
            make("SHA256-ECDSA-P256", ec.generate_private_key(ec.SECP256R1()), message),
            make("ML-DSA-65", mldsa.MLDSA65PrivateKey.generate(), message),
        ],
    }
    if "public" in document:
        public = wrap_public(bytes.fromhex(document["public"]))
        answer["wrapped"] = SUITE.encrypt(message, public, info=info).hex()
    theirs = wrap_pair()
    if "wrapped" in document:
        wrapped = bytes.fromhex(document["wrapped"])
        answer["unwrapped"] = SUITE.decrypt(wrapped, theirs, info=info).hex()
    raw = mlkem.MLKEM768PrivateKey.from_seed_bytes(bytes(64)).public_key().public_bytes_raw()
    other = x25519.X25519PrivateKey.from_private_bytes(bytes(range(32)))
    answer["public"] = (raw + other.public_key().public_bytes_raw()).hex()
    json.dump(answer, sys.stdout)


main()
