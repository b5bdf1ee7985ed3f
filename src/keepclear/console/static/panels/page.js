/** The page: the form to sign in, or header, panel, map, time and guide. */

import { html, useSelected, useTexts } from "../preact.js";
import { Announcer } from "./announcer.js";
import { Banner } from "./banner.js";
import { CutLinkDialog } from "./cut_link_dialog.js";
import { PartyBanners } from "./party_banners.js";
import { HotlineBanners } from "./hotline_banners.js";
import { KeyDialog } from "./key_dialog.js";
import { SigningDialog } from "./signing_dialog.js";
import { AlertBanners } from "./alert_banners.js";
import { later } from "./later.js";
import { momentOf } from "../watch.js";
import { HelpDialog } from "./help_dialog.js";
import { WithdrawDialog } from "./withdraw_dialog.js";
import { Guide } from "./guide.js";
import { Header } from "./header.js";
import { MapPanel } from "./map_panel.js";
import { SidePanel } from "./side_panel.js";
import { SignIn } from "./sign_in.js";
import { Timeline } from "./timeline.js";

const PaperDialog = later(() => import("./paper_dialog.js").then((part) => part.PaperDialog));
const VoiceDialog = later(() => import("./voice_dialog.js").then((part) => part.VoiceDialog));
const ReplayBar = later(() => import("./replay.js").then((part) => part.ReplayBar));

/** @param {{map: import("../map/map.js").MapView}} props */
export function Page({ map }) {
  const t = useTexts();
  const status = useSelected((state) => state.sessionStatus);
  const isDemonstration = useSelected((state) => state.session?.node.is_demonstration ?? false);
  const dialog = useSelected((state) => state.dialog);
  const isPast = useSelected((state) => momentOf(state.watch) !== null);
  const isGuideOpen = useSelected((state) => state.isGuideOpen);
  if (status === "asking") return html`<main class="sign-in"><h1>${t("app.name")}</h1><p>${t("app.asking")}</p></main>`;
  if (status === "out") return html`<${SignIn} />`;
  return html`
    <a class="skip" href="#panel">${t("skip.panel")}</a>
    <a class="skip" href="#map">${t("skip.map")}</a>
    <a class="skip" href="#time">${t("skip.time")}</a>
    <${Header} />
    <section aria-label=${t("banner.label")}>
      <${Banner} />
      <${AlertBanners} />
      <${ReplayBar} isWanted=${isPast} />
      <${HotlineBanners} />
      <${PartyBanners} />
    </section>
    <main class=${`work ${isDemonstration && isGuideOpen ? "with-guide" : ""}`}>
      <${SidePanel} />
      <div class="middle">
        <${MapPanel} map=${map} />
        <${Timeline} />
      </div>
      ${isDemonstration && html`<${Guide} />`}
    </main>
    <${Announcer} />
    <${HelpDialog} />
    <${WithdrawDialog} />
    <${CutLinkDialog} />
    <${KeyDialog} />
    <${VoiceDialog} isWanted=${dialog === "voice"} />
    <${PaperDialog} isWanted=${dialog === "paper"} />
    <${SigningDialog} />`;
}
