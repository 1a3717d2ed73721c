// Attachments: one picture, a carousel of several, films, sounds, and files to open elsewhere.

import { modal } from "./modal.js";
import { button, element, foreign, icon } from "./words.js";

const KINDS = { mp4: "video", mov: "video", mp3: "audio", m4a: "audio", amr: "file", pdf: "file", vcf: "file" };

const SETTLED_MILLIS = 120;

function address(text) {
  const url = URL.parse(text);
  return url && ["http:", "https:"].includes(url.protocol) ? url : null;
}

const nameOf = (url) => {
  try {
    return decodeURIComponent(url.pathname.split("/").pop()) || url.host;
  } catch {
    return url.host;
  }
};

function file(url) {
  const link = element("a", "file", icon("file"), foreign(nameOf(url)));
  Object.assign(link, { href: url.href, target: "_blank", rel: "noopener noreferrer" });
  return link;
}

function player(kind, url) {
  const made = element(kind, "player");
  Object.assign(made, { controls: true, preload: "metadata", src: url.href });
  made.addEventListener("error", () => made.replaceWith(file(url)));
  return made;
}

function image(url, label, whenShown) {
  const made = element("img");
  Object.assign(made, { alt: label, referrerPolicy: "no-referrer", draggable: false });
  made.addEventListener("load", whenShown);
  made.src = url.href;
  return made;
}

/** A picture that opens large. What cannot be shown becomes a link to the file. */
function picture(urls, index, phone, whenShown) {
  const label = urls.length > 1 ? `Picture ${index + 1} of ${urls.length}` : "Picture";
  const shown = image(urls[index], label, whenShown);
  const made = button("picture", "", () => enlarge(urls, index, phone), shown);
  shown.addEventListener("error", () => made.replaceWith(file(urls[index])));
  return made;
}

/** The picture over the whole screen, with the others of its carousel beside it. */
function enlarge(urls, index, phone) {
  const link = element("a", "original", "Open the original");
  Object.assign(link, { href: urls[index].href, target: "_blank", rel: "noopener noreferrer" });
  const frame = element("div", "large");
  const show = (at) => {
    index = (at + urls.length) % urls.length;
    link.href = urls[index].href;
    frame.replaceChildren(image(urls[index], `Picture ${index + 1} of ${urls.length}`, () => {}));
  };
  const sheet = element("div", "lightbox", frame, link);
  if (urls.length > 1) {
    sheet.append(
      button("turn before", "Previous picture", () => show(index - 1), icon("back")),
      button("turn after", "Next picture", () => show(index + 1), icon("next")),
    );
  }
  show(index);
  const close = modal(phone, sheet, "Picture");
  sheet.append(button("close", "Close", close, icon("close")));
  sheet.addEventListener("keydown", ({ key }) => {
    if (key === "ArrowLeft") show(index - 1);
    if (key === "ArrowRight") show(index + 1);
  });
}

const called = (group, ariaRoleDescription, ariaLabel) =>
  Object.assign(group, { role: "group", ariaRoleDescription, ariaLabel });

function carousel(urls, phone, whenShown) {
  const slides = urls.map((_, index) => {
    const slide = element("div", "slide", picture(urls, index, phone, whenShown));
    return called(slide, "slide", `${index + 1} of ${urls.length}`);
  });
  const strip = element("div", "strip", ...slides);
  const count = element("p", "count");
  let at = 0;
  const move = (to) => {
    at = Math.max(0, Math.min(urls.length - 1, to));
    strip.scrollTo({ left: slides[at].offsetLeft - strip.offsetLeft });
    mark();
  };
  const before = button("turn before", "Previous picture", () => move(at - 1), icon("back"));
  const after = button("turn after", "Next picture", () => move(at + 1), icon("next"));
  const mark = () => {
    count.textContent = `${at + 1} of ${urls.length}`;
    [before.disabled, after.disabled] = [at === 0, at === urls.length - 1];
    slides.forEach((slide, index) => (slide.firstChild.tabIndex = index === at ? 0 : -1));
  };
  let settling = null;
  strip.addEventListener("scroll", () => {
    clearTimeout(settling);
    settling = setTimeout(() => {
      at = Math.min(urls.length - 1, Math.round(strip.scrollLeft / (strip.clientWidth || 1)));
      mark();
    }, SETTLED_MILLIS);
  });
  const made = called(element("div", "carousel", strip, before, after, count), "carousel", `${urls.length} pictures`);
  made.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    move(at + step);
    slides[at].firstChild.focus({ preventScroll: true });
  });
  mark();
  return made;
}

/** A small picture for a quotation; nothing if it is no picture. */
export function preview(text) {
  const url = address(text);
  if (!url || KINDS[url.pathname.split(".").pop().toLowerCase()]) return [];
  const shown = image(url, "", () => {});
  shown.addEventListener("error", () => shown.remove());
  return [shown];
}

/** Everything that is attached, pictures first. */
export function media(texts, phone, whenShown) {
  const [pictures, rest] = [[], []];
  for (const text of texts) {
    const url = address(text);
    const kind = url && KINDS[url.pathname.split(".").pop().toLowerCase()];
    if (!url) rest.push(element("p", "body", text));
    else if (!kind) pictures.push(url);
    else rest.push(kind === "file" ? file(url) : player(kind, url));
  }
  if (pictures.length > 1) rest.unshift(carousel(pictures, phone, whenShown));
  else if (pictures.length) rest.unshift(picture(pictures, 0, phone, whenShown));
  return rest;
}
