import assert from "node:assert/strict";
import { test } from "node:test";

import { DEED_CLOCK_ERROR_MAX_MS, differsIn, signedDeed } from "../../../src/keepclear/console/static/signing/deed.js";
import { readKeyFile, unlockKey } from "../../../src/keepclear/console/static/signing/key_file.js";
import { KeyFileError } from "../../../src/keepclear/console/static/signing/key_refusal.js";

// Made by adapters.keys.write_locked_key, for show, of SigningKey(bytes(range(32))): see RFC 8032 for the algorithm.
const KID = "56475aa75463474c";
const PASSPHRASE = "correct horse battery staple";
const DER = "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSsGAQQB2kcECzAcBBD9s68jx/oiV8TlN6uUaSV1AgJAAAIBCAIBATAdBglghkgBZQMEASoEEL5m5IZVQMstrjVfea3LLn4EQF2LmDtQNs1tkq316RlCedZNtigXQw8XS+rN7rO6iMxuzGuAkc/Rv7Fx8BU0IZ/46+R+wNmNxTtoZogNXCOEpOA=";
// The same key, locked with "café café café café" as Python spells it composed.
const ACCENTED = "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSsGAQQB2kcECzAcBBCZOdIv92nYKnr2qnDtkOT5AgJAAAIBCAIBATAdBglghkgBZQMEASoEEAK2UG29jTp06YIwrCUxl0UEQHUFn7W20ruej1afpJogscOo4lJZt193Y8kHjvos7oyQWRkQrstf3/FWTSDs2plkvBPzUpkd7nv90A9+3Sq32KU=";
// SigningKey.sign(b"keepclear")
const SIGNATURE = "465bc469115e0e7fe7b1392a60186ed4587f66fae263cce502e83f806f85d0b4ddfb687630cf14d6b088cae7be9f50eb24e095e26e7074bc5355fd338905510b";
// codec.jws.encode_jws("keepclear-deed", kid, '{"v":1,"person":"Дана"}', sign)
const JWS = "eyJhbGciOiJFZDI1NTE5Iiwia2lkIjoiNTY0NzVhYTc1NDYzNDc0YyIsInR5cCI6ImtlZXBjbGVhci1kZWVkIn0.eyJ2IjoxLCJwZXJzb24iOiLQlNCw0L3QsCJ9.j_oOfRBr_12YSZrzCsjt4B-zvAd-Mxt_2ZpHIk_D5dPpJFB2NCkweh8Ffwk4BZOncg0BKEFug0WJ6iciRwT6AA";

const fileOf = (der, kid = KID) =>
  `kid ${kid}\n-----BEGIN ENCRYPTED PRIVATE KEY-----\n${der.match(/.{1,64}/g).join("\n")}\n-----END ENCRYPTED PRIVATE KEY-----\n`;
const unlocked = (text, passphrase = PASSPHRASE) => unlockKey(readKeyFile(text), passphrase);
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const refused = (reason) => (error) => error instanceof KeyFileError && error.reason === reason;

test("a key that the program locked is unlocked, and signs as it does there", async () => {
  const { kid, sign } = await unlocked(fileOf(DER));
  assert.equal(kid, KID);
  assert.equal(hex(await sign(new TextEncoder().encode("keepclear"))), SIGNATURE);
});

test("line ends of another system make no difference", async () => {
  assert.equal((await unlocked(fileOf(DER).replaceAll("\n", "\r\n"))).kid, KID);
});

test("a passphrase is the same however a keyboard spells its accents", async () => {
  assert.equal((await unlocked(fileOf(ACCENTED), "café café café café".normalize("NFD"))).kid, KID);
});

test("a wrong passphrase is refused, and nothing else is said of it", async () => {
  for (const passphrase of ["", "correct horse battery stapl", "x".repeat(5000)]) {
    await assert.rejects(unlocked(fileOf(DER), passphrase), refused("wrong"));
  }
});

test("a file that names another key than the one in it is refused", async () => {
  await assert.rejects(unlocked(fileOf(DER, "0000000000000000")), refused("damaged"));
});

test("what is no key file, or not locked, is refused in other words", () => {
  for (const text of ["", "kid 12\n", fileOf(DER).slice(21), `kid ${KID}\n${"A".repeat(20_000)}`, "kid 56475AA75463474C\n"]) {
    assert.throws(() => readKeyFile(text), refused("no_key_file"));
  }
  assert.throws(() => readKeyFile(`kid ${KID}\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n`), refused("not_locked"));
});

test("a file that is cut off anywhere, longer, or changed in a byte of its form is damaged, never read otherwise", () => {
  const der = Buffer.from(DER, "base64");
  const read = (bytes) => readKeyFile(fileOf(Buffer.from(bytes).toString("base64")));
  for (let length = 1; length < der.length; length += 1) {
    assert.throws(() => read(der.subarray(0, length)), refused("damaged"));
  }
  assert.throws(() => read([...der, 0]), refused("damaged"));
  for (let at = 0; at < der.length - 64; at += 1) {
    for (const bit of [1, 0x80]) {
      const changed = Uint8Array.from(der);
      changed[at] ^= bit;
      let told;
      try {
        told = read(changed);
      } catch (error) {
        assert.ok(error instanceof KeyFileError, `byte ${at}: ${error}`);
        continue;
      }
      assert.ok(told.salt.length === 16 && told.secret.length === 64, `byte ${at}`);
    }
  }
});

test("a file may not have the browser work without end", () => {
  const costs = Buffer.from("02024000020108020101", "hex");
  const der = Buffer.from(DER, "base64");
  const at = der.indexOf(costs);
  assert.ok(at > 0);
  const with_ = (hexes) => Buffer.concat([der.subarray(0, at), Buffer.from(hexes, "hex"), der.subarray(at + costs.length)]);
  const read = (hexes) => readKeyFile(fileOf(with_(hexes).toString("base64")));
  assert.equal(read("02024000020108020101").N, 16_384);
  assert.throws(() => read("0202400002017f020101"), refused("too_costly"));
  assert.throws(() => read("0202400002010802017f"), refused("too_costly"));
  assert.throws(() => read("02024001020108020101"), refused("damaged"));
});

test("a signed text is the one that the node writes, byte for byte", async () => {
  assert.equal(await signedDeed('{"v":1,"person":"Дана"}', "keepclear-deed", await unlocked(fileOf(DER))), JWS);
});

// -- whether a text says what was asked ---------------------------------------------------------------------------

const NOW = 1_800_000_000_000;
const MESSAGE = { code: "unable", to: "north", fields: { reason: "fuel" }, answers: { party: "north", n: 3 }, priority: "safety", valid_until: NOW };
const ASKED = { party: "relief", person: "Дана", kind: "send_message", message: MESSAGE };
const payload = (parts = {}) => JSON.stringify({ v: 1, t: NOW, nonce: "a1", ...ASKED, ...parts });

test("a text that says what was asked may be signed", () => {
  assert.equal(differsIn(payload(), ASKED, NOW), null);
  assert.equal(differsIn(payload({ t: NOW + DEED_CLOCK_ERROR_MAX_MS }), ASKED, NOW), null);
});

test("a name that every object has is no field that was asked for", () => {
  for (const name of ["__proto__", "constructor", "toString"]) {
    assert.equal(differsIn(`${payload().slice(0, -1)},"${name}":{}}`, ASKED, NOW), name);
  }
});

test("a text that says anything else, more or less may not, and the field is named", () => {
  const changed = (parts) => payload({ message: { ...MESSAGE, ...parts } });
  for (const [text, field] of [
    ["", "payload"], ["[]", "payload"], ["null", "payload"],
    [payload({ v: 2 }), "v"], [payload({ t: NOW + DEED_CLOCK_ERROR_MAX_MS + 1 }), "t"], [payload({ t: "now" }), "t"],
    [payload({ nonce: "" }), "nonce"], [payload({ nonce: 1 }), "nonce"],
    [payload({ kind: "accept" }), "kind"], [payload({ person: "Nils" }), "person"], [payload({ party: "north" }), "party"],
    [payload({ proposal: "relief/1" }), "proposal"], [payload({ message: [] }), "message"],
    [changed({ code: "will_comply" }), "message.code"], [changed({ to: "south" }), "message.to"],
    [changed({ fields: { reason: "weather" } }), "message.fields.reason"], [changed({ fields: {} }), "message.fields.reason"],
    [changed({ answers: { party: "north", n: 4 } }), "message.answers.n"], [changed({ answers: undefined }), "message.answers"],
    [changed({ drill: "friday" }), "message.drill"], [changed({ valid_until: NOW + 1 }), "message.valid_until"],
  ]) assert.equal(differsIn(text, ASKED, NOW), field, text);
});
