"""Who signed is held against whom the manifest names, and a key that stock tools cannot check yet never stands alone."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from preserve.formats import publickey
from preserve.model.finding import Claim, Result
from preserve.model.manifest import SignerEntry
from preserve.rules.verify_signed import judge_signers


@pytest.mark.parametrize("at", ["", "runs/000000-20261121t120000z/"])
def test_ml_dsa_alone_is_told_of_the_key_itself(at: str) -> None:
    mldsa = pytest.importorskip(
        "cryptography.hazmat.primitives.asymmetric.mldsa", reason="this version of cryptography has no ML-DSA"
    )
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    new = publickey.from_der(mldsa.MLDSA65PrivateKey.generate().public_key().public_bytes(*form))
    old = publickey.from_der(ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(*form))
    named = [SignerEntry(keyid=key.keyid, algorithm=key.algorithm, name="x") for key in (new, old)]
    (told,) = judge_signers(named[:1], [new], at)
    assert (told.claim, told.result, told.needed) == (Claim.SIGNER, Result.NOT_CHECKED, True)
    assert told.subject == f"{at}keys/{new.keyid}.pem"
    assert list(judge_signers(named, [new, old], at)) == []
