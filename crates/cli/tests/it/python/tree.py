"""Judges inclusion and consistency proofs by RFC 9162, from the leaves of a trust bundle."""

import base64
import hashlib
import json
import sys
from pathlib import Path


def leaf(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def root(leaves):
    """RFC 6962, section 2.1."""
    if len(leaves) == 1:
        return leaf(leaves[0])
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return node(root(leaves[:split]), root(leaves[split:]))


def inclusion(entry, index, size, path, expected):
    """RFC 9162, section 2.1.3.2."""
    assert index < size
    first, last, hashed = index, size - 1, leaf(entry)
    for sibling in path:
        assert last != 0
        if first & 1 or first == last:
            hashed = node(sibling, hashed)
            while not first & 1 and first != 0:
                first, last = first >> 1, last >> 1
        else:
            hashed = node(hashed, sibling)
        first, last = first >> 1, last >> 1
    assert last == 0 and hashed == expected, f"leaf {index}"


def consistency(old, new, path, old_root, new_root):
    """RFC 9162, section 2.1.4.2."""
    if old == new:
        assert not path and old_root == new_root
        return
    if old & (old - 1) == 0:
        path = [old_root, *path]
    first, last = old - 1, new - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    older = newer = path[0]
    for sibling in path[1:]:
        assert last != 0
        if first & 1 or first == last:
            older, newer = node(sibling, older), node(sibling, newer)
            while not first & 1 and first != 0:
                first, last = first >> 1, last >> 1
        else:
            newer = node(newer, sibling)
        first, last = first >> 1, last >> 1
    assert last == 0 and older == old_root and newer == new_root, f"{old} to {new}"


def main(part):
    lines = Path("trust.jsonl").read_bytes().removesuffix(b"\n").split(b"\n")
    leaves, note = lines[1:-1], json.loads(lines[-1])["checkpoint"]
    _, size, signed, *_ = note.split("\n")
    assert int(size) == len(leaves) and base64.b64decode(signed) == root(leaves)
    files = sorted(Path(".").glob(f"{part}-*.json"))
    assert len(files) >= len(leaves), files
    for file in files:
        proof = json.loads(file.read_text())
        path = [bytes.fromhex(text) for text in proof["hashes"]]
        index, size, head = proof["index"], proof["size"], bytes.fromhex(proof["root"])
        assert head == root(leaves[:size]), f"{file}: another root"
        if proof["checkpoint"] is not None:
            assert proof["checkpoint"].split("\n")[1] == str(size)
        if part == "inclusion":
            inclusion(leaves[index], index, size, path, head)
        else:
            consistency(index, size, path, root(leaves[:index]), head)
    print(f"{len(files)} proofs")


main(sys.argv[1])
