"""Signed notes: one spelling, strict limits, and signatures that count only for keys that are known."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from keepclear.codec.notes import (
    NAME_BYTES_MAX,
    NOTE_BYTES_MAX,
    NOTE_LINES_MAX,
    SECONDS_MAX,
    SIGNATURES_MAX,
    KeyKind,
    Note,
    NoteSignature,
    Signer,
    VerifierKey,
    decode_base64,
    parse_note,
    parse_signatures,
    parse_verifier_key,
    sign_note,
    verified_signers,
)
from keepclear.core.errors import InvalidValueError

LOG_PRIVATE, WITNESS_PRIVATE = SigningKey(b"l" * 32), SigningKey(b"w" * 32)
LOG = VerifierKey(name="keepclear/alpha/log", kind=KeyKind.LOG, public=bytes(LOG_PRIVATE.verify_key))
WITNESS = VerifierKey(
    name="keepclear/beta/log", kind=KeyKind.WITNESS, public=bytes(WITNESS_PRIVATE.verify_key)
)
TEXT = "keepclear/alpha/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"


def log_sign(message: bytes) -> bytes:
    return LOG_PRIVATE.sign(message).signature


def witness_sign(message: bytes) -> bytes:
    return WITNESS_PRIVATE.sign(message).signature


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        VerifyKey(public).verify(message, signature)
    except BadSignatureError:
        return False
    return True


def signers(note: Note, *keys: VerifierKey) -> tuple[Signer, ...]:
    return verified_signers(note.text, note.signatures, keys, verify)


NOTE = Note(
    text=TEXT,
    signatures=(sign_note(TEXT, LOG, log_sign), sign_note(TEXT, WITNESS, witness_sign, at_s=1_700_000_000)),
)
STRANGE = NoteSignature(name="example.org/other", key_id=b"\0\1\2\3", content=b"whatever it is")


# -- examples of the standards, by others --------------------------------------------------------------

C2SP_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
C2SP_NOTE = (
    "This is an example message.\n\n\u2014 example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)


def test_the_example_of_the_standard_is_verified() -> None:
    key, note = parse_verifier_key(C2SP_KEY), parse_note(C2SP_NOTE)
    assert signers(note, key) == (Signer(key=key, at_s=None),)
    assert (key.encode(), note.encode()) == (C2SP_KEY, C2SP_NOTE)


# -- keys ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [LOG, WITNESS])
def test_a_verifier_key_comes_back_as_it_was(key: VerifierKey) -> None:
    assert parse_verifier_key(key.encode()) == key


def test_a_key_of_another_kind_or_name_has_another_id() -> None:
    ids = {VerifierKey(name=name, kind=kind, public=LOG.public).key_id for name in "ab" for kind in KeyKind}
    assert len(ids) == 4


@pytest.mark.parametrize("at", range(len(LOG.encode())))
def test_a_verifier_key_with_a_wrong_character_is_refused(at: int) -> None:
    text = LOG.encode()
    for character in "a+ Z":
        if character != text[at]:
            with pytest.raises(InvalidValueError):
                parse_verifier_key(text[:at] + character + text[at + 1 :])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is no verifier key"),
        ("name", "is no verifier key"),
        ("name+00000000", "is no verifier key"),
        ("name+0000000G+AAAA", "is no verifier key"),
        ("+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "1 to 255 bytes, not 0"),
        ("name+00000000+", "the kind of nothing"),
        ("name+00000000+" + base64.b64encode(b"\x06" + b"k" * 32).decode(), "the kind 06"),
        ("name+00000000+" + base64.b64encode(b"\x01" + b"k" * 31).decode(), "has 32 bytes, not 31"),
        ("name+00000000+" + base64.b64encode(b"\x01" + b"k" * 32).decode(), "is not the id of this key"),
        ("\ud800+00000000+" + base64.b64encode(b"\x01" + b"k" * 32).decode(), "half a character"),
    ],
)
def test_what_is_no_verifier_key_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason):
        parse_verifier_key(text)


@pytest.mark.parametrize(
    "name", ["", "a b", "a+b", "a\u00a0b", "a\u2003", "a\nb", "a\x7fb\x00", "\ud800", "\r"]
)
def test_a_name_that_would_break_a_line_is_refused(name: str) -> None:
    with pytest.raises(InvalidValueError, match="name"):
        VerifierKey(name=name, kind=KeyKind.LOG, public=LOG.public)
    with pytest.raises(InvalidValueError, match="name"):
        NoteSignature(name=name, key_id=b"1234", content=b"x")


def test_a_name_has_at_most_255_bytes() -> None:
    longest = "\u00e9" * (NAME_BYTES_MAX // 2) + "x"
    assert VerifierKey(name=longest, kind=KeyKind.LOG, public=LOG.public).name == longest
    with pytest.raises(InvalidValueError, match="1 to 255 bytes, not 256"):
        VerifierKey(name=longest + "x", kind=KeyKind.LOG, public=LOG.public)


# -- signing and verifying ----------------------------------------------------------------------------


def test_a_log_signs_the_text_itself() -> None:
    assert NOTE.signatures[0].content == log_sign(TEXT.encode())


def test_a_witness_signs_the_time_and_the_text() -> None:
    message = b"cosignature/v1\ntime 1700000000\n" + TEXT.encode()
    assert NOTE.signatures[1].content == (1_700_000_000).to_bytes(8, "big") + witness_sign(message)


def test_those_who_signed_are_found_with_the_time_of_the_witness() -> None:
    log, witness = Signer(key=LOG, at_s=None), Signer(key=WITNESS, at_s=1_700_000_000)
    assert signers(NOTE, LOG, WITNESS) == (log, witness)
    assert signers(NOTE, WITNESS) == (witness,)


def test_signatures_of_unknown_keys_are_kept_and_passed_over() -> None:
    note = parse_note(Note(text=TEXT, signatures=(STRANGE, *NOTE.signatures)).encode())
    assert note.signatures[0] == STRANGE
    assert [signer.key for signer in signers(note, LOG)] == [LOG]


def test_a_name_or_an_id_alone_makes_no_known_key() -> None:
    good = NOTE.signatures[0]
    same_name = NoteSignature(name=LOG.name, key_id=b"\0\0\0\0", content=b"no signature")
    same_id = NoteSignature(name="other", key_id=LOG.key_id, content=b"no signature")
    note = Note(text=TEXT, signatures=(same_name, same_id, good))
    assert len(signers(note, LOG)) == 1


def test_a_note_that_no_known_key_signed_is_refused() -> None:
    other = VerifierKey(name=LOG.name, kind=KeyKind.LOG, public=WITNESS.public)
    with pytest.raises(InvalidValueError, match="none is by a key that is known"):
        signers(NOTE, other)
    with pytest.raises(InvalidValueError, match="none is by a key that is known"):
        signers(NOTE)


def test_one_bad_signature_of_a_known_key_spoils_the_note() -> None:
    log, witness = NOTE.signatures
    for at in range(len(witness.content)):  # the time, too
        content = bytearray(witness.content)
        content[at] ^= 1
        bad = NoteSignature(name=witness.name, key_id=witness.key_id, content=bytes(content))
        with pytest.raises(InvalidValueError, match=r"signatures\[1\]: the signature of .* is not good"):
            signers(Note(text=TEXT, signatures=(log, bad)), LOG, WITNESS)


@pytest.mark.parametrize("length", [1, 8, 63, 65, 71, 73])
def test_a_signature_of_another_length_is_bad(length: int) -> None:
    for key in (LOG, WITNESS):
        bad = NoteSignature(name=key.name, key_id=key.key_id, content=b"s" * length)
        with pytest.raises(InvalidValueError, match="not good"):
            signers(Note(text=TEXT, signatures=(bad,)), key)


def test_a_witness_cannot_be_made_a_log_or_the_other_way_round() -> None:
    for key, signature in zip((LOG, WITNESS), reversed(NOTE.signatures), strict=True):
        lent = NoteSignature(name=key.name, key_id=key.key_id, content=signature.content)
        with pytest.raises(InvalidValueError, match="not good"):
            signers(Note(text=TEXT, signatures=(lent,)), key)


def test_only_a_witness_signs_with_a_time_and_it_must() -> None:
    with pytest.raises(InvalidValueError, match="at_s"):
        sign_note(TEXT, LOG, log_sign, at_s=1)
    with pytest.raises(InvalidValueError, match="at_s"):
        sign_note(TEXT, WITNESS, witness_sign)


def test_the_time_of_a_witness_is_within_its_range() -> None:
    signature = sign_note(TEXT, WITNESS, witness_sign, at_s=SECONDS_MAX)
    assert signers(Note(text=TEXT, signatures=(signature,)), WITNESS)[0].at_s == SECONDS_MAX
    for at_s in (0, -1, SECONDS_MAX + 1):
        with pytest.raises(InvalidValueError, match="at_s"):
            sign_note(TEXT, WITNESS, witness_sign, at_s=at_s)


def test_a_time_beyond_the_range_is_bad_though_it_was_signed() -> None:
    at_s = SECONDS_MAX + 1
    content = at_s.to_bytes(8, "big") + witness_sign(f"cosignature/v1\ntime {at_s}\n{TEXT}".encode())
    late = NoteSignature(name=WITNESS.name, key_id=WITNESS.key_id, content=content)
    with pytest.raises(InvalidValueError, match="not good"):
        signers(Note(text=TEXT, signatures=(late,)), WITNESS)


# -- reading ------------------------------------------------------------------------------------------

CONTROLS = "".join(map(chr, range(32)))
LINES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=CONTROLS))
NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Zs", "Zl", "Zp"], exclude_characters=CONTROLS + "\x85+"),
    min_size=1,
    max_size=20,
)
SIGNATURES = st.builds(
    NoteSignature, name=NAMES, key_id=st.binary(min_size=4, max_size=4), content=st.binary(min_size=1)
)
NOTES = st.builds(
    Note,
    text=st.lists(LINES, min_size=1, max_size=6).map(lambda lines: "".join(f"{line}\n" for line in lines)),
    signatures=st.lists(SIGNATURES, min_size=1, max_size=4).map(tuple),
)


@given(NOTES)
def test_a_note_comes_back_as_it_was(note: Note) -> None:
    assert parse_note(note.encode()) == note
    assert parse_note(note.encode().encode()) == note
    assert parse_signatures("".join(each.encode() for each in note.signatures)) == note.signatures


@given(NOTES, st.data())
def test_what_is_read_has_no_other_spelling(note: Note, data: st.DataObject) -> None:
    wire = bytearray(note.encode().encode())
    at = data.draw(st.integers(0, len(wire) - 1))
    wire[at] = data.draw(st.integers(0, 255) | st.sampled_from(list(b"\n =A\xe2")))
    try:
        read = parse_note(bytes(wire))
    except InvalidValueError:
        return
    assert read.encode().encode() == bytes(wire)


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_nothing_but_our_error_comes_of_what_is_no_note(data: bytes | str) -> None:
    with pytest.raises(InvalidValueError):
        parse_note(data)


ONE_LINE = "\u2014 name AAAAAAA=\n"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "empty line"),
        ("text\n", "empty line"),
        (f"text\n{ONE_LINE}", "empty line"),
        ("text\n\n", "1 to 32 lines"),
        (f"text\n\n{ONE_LINE}\n", "1 to 32 lines"),
        (f"text\n\n{ONE_LINE[:-1]}", "1 to 32 lines"),
        (f"text\n\n{ONE_LINE}more\n", r"signatures\[1\]: 'more' is no signature line"),
        ("text\n\n- name AAAAAAA=\n", "is no signature line"),
        ("text\n\n\u2014 name\n", "is no signature line"),
        ("text\n\n\u2014  AAAAAAA=\n", r"signatures\[0\].name"),
        ("text\n\n\u2014 name  AAAAAAA=\n", "base64"),
        ("text\n\n\u2014 name AAAAAAA= \n", "base64"),
        ("text\n\n\u2014 name AAAAAAA\n", "base64"),
        ("text\n\n\u2014 name AAAAAAB=\n", "base64"),
        ("text\n\n\u2014 name AAA-AAA=\n", "base64"),
        ("text\n\n\u2014 name AAAAAA==\n", "the signature is missing"),
        ("text\n\n\u2014 name AAAA\n", "has 4 bytes, not 3"),
        ("text\n\n\u2014 name \u0430AAA\n", "base64"),
        (f"te\rxt\n\n{ONE_LINE}", "control character"),
        (f"te\txt\n\n{ONE_LINE}", "control character"),
        (b"te\xffxt\n\n", "not UTF-8"),
        ("\ud800\n\n", "not UTF-8"),
    ],
)
def test_what_is_no_note_is_refused_with_the_reason(data: bytes | str, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason):
        parse_note(data)


def test_the_last_empty_line_parts_text_from_signatures() -> None:
    assert parse_note(f"one\n\n{ONE_LINE}\n\n{ONE_LINE}").text == f"one\n\n{ONE_LINE}\n"


def test_a_note_has_at_most_32_signatures() -> None:
    assert len(parse_note(f"text\n\n{ONE_LINE * SIGNATURES_MAX}").signatures) == SIGNATURES_MAX
    with pytest.raises(InvalidValueError, match="1 to 32"):
        parse_note(f"text\n\n{ONE_LINE * (SIGNATURES_MAX + 1)}")
    with pytest.raises(InvalidValueError, match="1 to 32, not 33"):
        Note(text="text\n", signatures=(STRANGE,) * (SIGNATURES_MAX + 1))
    with pytest.raises(InvalidValueError, match="1 to 32, not 0"):
        Note(text="text\n", signatures=())


def test_a_note_has_a_most_bytes_and_lines() -> None:
    overhead = len(f"\n\n{ONE_LINE}".encode())
    parse_note(f"{'x' * (NOTE_BYTES_MAX - overhead)}\n\n{ONE_LINE}")
    with pytest.raises(InvalidValueError, match="over the limit"):
        parse_note(f"{'x' * (NOTE_BYTES_MAX - overhead + 1)}\n\n{ONE_LINE}")
    parse_note("x\n" * (NOTE_LINES_MAX - 2) + f"\n{ONE_LINE}")
    with pytest.raises(InvalidValueError, match="over 1,000 lines"):
        parse_note("x\n" * (NOTE_LINES_MAX - 1) + f"\n{ONE_LINE}")


@pytest.mark.parametrize("text", ["", "no newline", "half \ud800\n", "a\x00b\n"])
def test_a_note_is_made_of_a_whole_text_only(text: str) -> None:
    with pytest.raises(InvalidValueError):
        Note(text=text, signatures=(STRANGE,))


@given(st.binary(max_size=40))
def test_base64_has_one_spelling(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    assert decode_base64("field", text, len(data)) == data
    for other in (text + "=", text + "\n", " " + text, text + "AAA"):
        with pytest.raises(InvalidValueError, match="field"):
            decode_base64("field", other)
    with pytest.raises(InvalidValueError, match="field: it must be"):
        decode_base64("field", text, len(data) + 1)
