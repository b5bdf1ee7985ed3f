"""The style sheet and the script of the report; the script only shows the map at an instant."""

from typing import Final

STYLE: Final = """
:root{color-scheme:light dark;--bg:#fff;--soft:#f4f6f8;--line:#d9dfe5;--ink:#1c2530;--dim:#56626f;
--link:#005ea3;--bad:#b00020;--bad-soft:#fdeef0;--warn:#8a5a00;--warn-soft:#fff6e0;--good:#00704f;
--good-soft:#e8f6f0}
@media screen and (prefers-color-scheme:dark){:root{--bg:#14191f;--soft:#1a2129;--line:#2f3945;
--ink:#e6ebf0;--dim:#a3afbb;--link:#7cc4f5;--bad:#ff8080;--bad-soft:#3a1d22;--warn:#f2b84b;
--warn-soft:#35290f;--good:#3ecf9f;--good-soft:#12302a}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",
"Noto Sans",sans-serif;font-variant-numeric:tabular-nums}
header,main,footer{max-width:1180px;margin:0 auto;padding:0 28px}
header{padding-top:26px}
h1{font-size:15px;font-weight:600;margin:0 0 14px;color:var(--dim)}
h2{font-size:20px;margin:44px 0 12px}
h3{font-size:17px;margin:0 0 8px;display:flex;gap:9px;align-items:center;flex-wrap:wrap}
p{margin:6px 0;max-width:76em}
a{color:var(--link)}
a:focus-visible,input:focus-visible,button:focus-visible,.wide:focus-visible,summary:focus-visible
{outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-999px}.skip:focus{left:12px;top:8px;background:var(--bg);padding:6px 10px}
.answer{display:flex;gap:18px;align-items:center;padding:18px 22px;border:1px solid;border-left-width:8px;
border-radius:6px}
.answer strong{display:block;font-size:28px;line-height:1.2;letter-spacing:.01em}
.answer span{color:var(--ink)}
.answer svg{flex:none}
.bad{color:var(--bad);background:var(--bad-soft)}.warn{color:var(--warn);background:var(--warn-soft)}
.good{color:var(--good);background:var(--good-soft)}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:4px 22px;padding:0;margin:14px 0 0}
dl.facts{display:grid;grid-template-columns:minmax(9em,max-content) 1fr;gap:7px 22px;margin:0}
dl.facts dt{color:var(--dim)}dl.facts dd{margin:0;overflow-wrap:anywhere}
ul.plain{list-style:none;margin:0;padding:0}
ul.flow{display:flex;flex-wrap:wrap;gap:3px 22px}
.flow li{display:flex;gap:7px;align-items:center}
table{border-collapse:collapse;width:100%;min-width:720px;font-size:14px}
caption{text-align:left;color:var(--dim);padding-bottom:6px}
th,td{text-align:left;vertical-align:top;padding:7px 14px 7px 0;border-bottom:1px solid var(--line)}
thead th{color:var(--dim);font-weight:600;border-bottom:2px solid var(--line);white-space:nowrap}
tbody th{font-weight:600}
td .dim,.dim{color:var(--dim)}
td{overflow-wrap:anywhere}
.keep{white-space:nowrap}
.wide{overflow-x:auto}.picture{border:1px solid var(--line);border-radius:6px}
.wide>svg{display:block;min-width:760px;width:100%;height:auto}
.mark{vertical-align:-6px}
.finding{border-top:1px solid var(--line);padding-top:22px;margin-top:30px}
.finding table{margin:12px 0 16px}
.time{display:flex;flex-wrap:wrap;gap:6px 14px;align-items:center;padding:10px 0}
.time[hidden]{display:none}
.time input[type=range]{flex:1 1 320px}
.time output{min-width:15em}
.problems{border-left:4px solid var(--warn);padding-left:16px}
footer{margin-top:56px;padding-top:16px;padding-bottom:36px;color:var(--dim);font-size:13px}
footer p{border-top:1px solid var(--line);padding-top:14px}
@media (max-width:640px){header,main,footer{padding-left:16px;padding-right:16px}
dl.facts{grid-template-columns:1fr;gap:0}dl.facts dd{margin-bottom:9px}
.answer strong{font-size:22px}}
@media print{body{font-size:11px}.skip,.time,nav{display:none}h2{break-after:avoid}
.finding,.answer{break-inside:avoid}.wide{border:0;overflow:visible}.wide>svg,table{min-width:0}table{font-size:9.5px}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}a{color:inherit;text-decoration:none}}
"""

SCRIPT: Final = """
(function () {
  "use strict";
  var box = document.getElementById("time");
  var map = document.querySelector("#map-picture svg");
  if (!box || !map) return;
  var slider = document.getElementById("time-at");
  var everything = document.getElementById("time-all");
  var said = document.getElementById("time-said");
  var timed = map.querySelectorAll("[data-from]");
  function words(ms) {
    return new Date(ms).toISOString().replace("T", " ").slice(0, 19) + " UTC";
  }
  function show() {
    var at = everything.checked ? null : Number(slider.value);
    map.classList.toggle("kc-now", at !== null);
    timed.forEach(function (part) {
      var from = Number(part.getAttribute("data-from")), to = Number(part.getAttribute("data-to"));
      part.style.display = at === null || (from <= at && at <= to) ? "" : "none";
    });
    said.textContent = at === null ? "all times" : words(at);
    slider.setAttribute("aria-valuetext", words(Number(slider.value)));
  }
  slider.addEventListener("input", function () { everything.checked = false; show(); });
  everything.addEventListener("change", show);
  box.hidden = false;
  show();
}());
"""
