"""What others make of our documents, and documents of theirs.

Needs securesystemslib, pyca/cryptography and jsonschema. The first argument says what to do, in the current
directory; a failed check ends with a traceback and an exit code other than 0.
"""

import base64
import hashlib
import json
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa
from jsonschema import Draft202012Validator
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
STATEMENT = "application/vnd.in-toto+json"
POSSESSION = "application/vnd.keyward.possession+json"
PREFIX = b"CompositeAlgorithmSignatures2025"
LABEL = b"COMPSIG-MLDSA65-Ed25519-SHA512"
COMPOSITE_SPKI = bytes.fromhex("308207d1300a06082b06010505070630038207c100")


def read(name):
    return json.loads(Path(name).read_text())


def verify_composite(public, signature, message):
    """draft-ietf-lamps-pq-composite-sigs, section 3.3, with an empty context."""
    der = base64.b64decode("".join(public.strip().splitlines()[1:-1]))
    assert der.startswith(COMPOSITE_SPKI), "not a composite key"
    raw = der[len(COMPOSITE_SPKI):]
    message = PREFIX + LABEL + b"\0" + hashlib.sha512(message).digest()
    ml_dsa = mldsa.MLDSA65PublicKey.from_public_bytes(raw[:1952])
    ml_dsa.verify(signature[:3309], message, LABEL)
    ed25519.Ed25519PublicKey.from_public_bytes(raw[1952:]).verify(signature[3309:], message)


def verify_plain(public, signature, message):
    key = serialization.load_pem_public_key(public.encode())
    more = [ec.ECDSA(hashes.SHA256())] if isinstance(key, ec.EllipticCurvePublicKey) else []
    key.verify(signature, message, *more)


def ours():
    """Envelopes of ours, `NAME.json`, and their keys as `key show` prints them, `NAME.key.json`."""
    known = []
    for name in ["default", "fips", "pqc", "hybrid"]:
        document, key = read(f"{name}.json"), read(f"{name}.key.json")
        (signature,) = document["signatures"]
        assert signature["keyid"] == key["keyId"], "another key id"
        envelope = Envelope.from_dict(read(f"{name}.json"))
        assert envelope.payload_type == STATEMENT
        raw = base64.b64decode(signature["sig"])
        verify = verify_composite if name == "hybrid" else verify_plain
        verify(key["publicKey"], raw, envelope.pae())
        try:
            verify(key["publicKey"], raw, envelope.pae() + b"!")
        except InvalidSignature:
            pass
        else:
            raise AssertionError("a signature verifies over another message")
        if name in ("default", "fips"):
            public = serialization.load_pem_public_key(key["publicKey"].encode())
            known.append(SSlibKey.from_crypto(public, keyid=key["keyId"]))
            assert list(envelope.verify([known[-1]], 1)) == [key["keyId"]]
    assert set(Envelope.from_dict(read("both.json")).verify(known, 2)) == {"default", "fips"}
    spoilt = Envelope.from_dict(read("both.json"))
    spoilt.payload += b" "
    try:
        spoilt.verify(known, 1)
    except VerificationError:
        return
    raise AssertionError("a changed payload verifies")


def theirs():
    """Keys of theirs and an envelope by each: `NAME.pem`, `NAME.pub`, `NAME.proof`, `NAME.json`."""
    keys = {
        "their-ed25519": ed25519.Ed25519PrivateKey.generate(),
        "their-p256": ec.generate_private_key(ec.SECP256R1()),
    }
    digest = hashlib.sha256(Path("artifact").read_bytes()).hexdigest()
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "pkg:npm/theirs@1", "digest": {"sha256": digest}}],
        "predicateType": "https://keyward.dev/predicates/evidence.stella/v1",
        "predicate": {},
    }
    for name, key in keys.items():
        private = key.private_bytes(
            PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        Path(f"{name}.pem").write_bytes(private)
        Path(f"{name}.pub").write_bytes(key.public_key().public_bytes(PEM, SPKI))
        signer = CryptoSigner(key, SSlibKey.from_crypto(key.public_key(), keyid=name))
        envelope = Envelope(json.dumps(statement).encode(), STATEMENT, {})
        envelope.sign(signer)
        Path(f"{name}.json").write_text(json.dumps(envelope.to_dict()))
        fingerprint = hashlib.sha256(key.public_key().public_bytes(DER, SPKI)).hexdigest()
        held = {"fingerprint": f"sha256:{fingerprint}", "keyId": name, "nonce": "a nonce"}
        payload = json.dumps(held, sort_keys=True, separators=(",", ":")).encode()
        possession = Envelope(payload, POSSESSION, {})
        Path(f"{name}.proof").write_bytes(bytes.fromhex(possession.sign(signer).signature))


def root(leaves):
    """RFC 6962, section 2.1."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root(leaves[:split]) + root(leaves[split:])).digest()


def log():
    """The trust bundle `trust.jsonl`: its tree, and both signatures of its checkpoint.

    Leaves `text`, `signature` and `key.pem` for another judge.
    """
    lines = Path("trust.jsonl").read_bytes().removesuffix(b"\n").split(b"\n")
    leaves, note = lines[1:-1], json.loads(lines[-1])["checkpoint"]
    authority = json.loads(base64.b64decode(json.loads(lines[0])["authorities"][-1]["payload"]))
    text, _, signatures = note.rpartition("\n\n")
    text = (text + "\n").encode()
    origin, size, hashed, ledger, _ = text.decode().split("\n")
    assert int(size) == len(leaves), f"{size} leaves, {len(leaves)} are here"
    assert base64.b64decode(hashed) == root(leaves), "another root"
    assert ledger.startswith("ledger ")
    raw = {}
    for vkey in authority["logKeys"]:
        name, hash_, key = vkey.split("+", 2)
        key = base64.b64decode(key)
        assert name == origin
        assert hashlib.sha256(name.encode() + b"\n" + key).hexdigest()[:8] == hash_
        raw[hash_] = key
    seen = set()
    for line in signatures.strip().split("\n"):
        _, name, value = line.split(" ")
        value = base64.b64decode(value)
        key, signature = raw[value[:4].hex()], value[4:]
        public = ed25519.Ed25519PublicKey.from_public_bytes(key[1:])
        seen.add(key[0])
        if key[0] == 1:
            public.verify(signature, text)
            Path("text").write_bytes(text)
            Path("signature").write_bytes(signature)
            Path("key.pem").write_bytes(public.public_bytes(PEM, SPKI))
        else:
            seconds = int.from_bytes(signature[:8])
            public.verify(signature[8:], b"cosignature/v1\ntime %d\n" % seconds + text)
    assert seen == {1, 4}, seen


FORMATS = Path(__file__).resolve().parents[5] / "docs/format"


def metadata():
    """`metadata.json` is what its schema says, and changed documents are not."""
    schema = json.loads((FORMATS / "key-metadata.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    judge = Draft202012Validator(schema)
    judge.validate(read("metadata.json"))
    statuses = {key["status"] for key in read("metadata.json")["keys"]}
    assert statuses == {"STAGED", "ACTIVE", "DEPRECATED", "REVOKED", "COMPROMISED"}, statuses
    assert any("expiresAt" in key for key in read("metadata.json")["keys"])
    for member, value in [
        ("colour", "red"),
        ("status", "FINE"),
        ("status", "REVOKED"),
        ("status", "DEPRECATED"),
        ("expiresAt", "2100-01-01T00:00:00Z"),
        ("createdAt", "yesterday"),
        ("fingerprint", "sha256:00"),
        ("lineage", None),
    ]:
        changed = read("metadata.json")
        key = next(key for key in changed["keys"] if key["status"] == "ACTIVE")
        key[member] = value
        assert not judge.is_valid(changed), f"{member} {value} passes"


{"ours": ours, "theirs": theirs, "log": log, "metadata": metadata}[sys.argv[1]]()
