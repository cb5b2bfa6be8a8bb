"""Makes age identities and opens what was encrypted to them, with pyrage."""

import json
import sys

import pyrage


def main():
    question = json.load(sys.stdin)
    if "make" in question:
        made = [pyrage.x25519.Identity.generate() for _ in range(question["make"])]
        answer = [{"identity": str(one), "recipient": str(one.to_public())} for one in made]
    else:
        identity = pyrage.x25519.Identity.from_str(question["identity"])
        try:
            answer = {"text": pyrage.decrypt(question["open"].encode(), [identity]).decode()}
        except pyrage.DecryptError:
            answer = {"refused": True}
    json.dump(answer, sys.stdout)


main()
