import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

import { commandOf, shellWord } from "../../../src/keepclear/console/static/commands.js";

const HOSTILE = ["$(reboot)", "`id`", "a b", "it's", "'; rm -rf ~; '", "a\\", "*", "~", "!!", "a&b", "#x", "\"", "", "тест", "المعرّف", "=x", "a=b"];

test("a shell takes every id for one word, and for nothing else", () => {
  for (const word of HOSTILE) {
    const printed = execFileSync("/bin/sh", ["-c", `printf %s ${shellWord(word)}`], { encoding: "utf8" });
    assert.equal(printed, word);
  }
});

test("a plain id stands without quotes", () => {
  assert.equal(commandOf(["ack"], ["north:north/patrol-1"]), "keepclear ack north:north/patrol-1");
});

test("an id that begins with a stroke is no option", () => {
  assert.equal(commandOf(["propose"], ["-f", "north:a"]), "keepclear propose -- '-f' north:a");
});

test("no command is offered for what a terminal would not show as it is", () => {
  for (const unseen of ["a\nb", "a\u001b[2J", "a\u202eb", "a\u200bb", "a\u2028b"]) {
    assert.equal(commandOf(["ack"], [unseen]), null);
  }
});
