// What a page does by itself: it listens to /events, asks for its content again when something
// changed (htmx keeps focus and scroll), and says since when it is no longer live.

const strip = document.getElementById("live");
const QUIET_LIMIT = 40_000; // two beats and a breath, in milliseconds
const REFRESH = 60_000; // ages ("4 min ago") move on without any change

let heard = Date.now();
let asked = Date.now();

const clock = (at) => `${new Date(at).toISOString().slice(11, 19)} UTC`;

function say(state, sentence) {
  if (!strip || strip.dataset.state === state) return;
  strip.dataset.state = state;
  strip.querySelector("[data-sentence]").textContent = sentence;
}

function live() {
  heard = Date.now();
  say("live", "Live");
}

function lost() {
  say("stale", `Not live since ${clock(heard)}. What you see may be out of date.`);
}

function ask() {
  asked = Date.now();
  globalThis.htmx?.trigger("#content", "refresh");
}

if (strip?.hasAttribute("hx-sse:connect")) {
  document.addEventListener("htmx:after:sse:message", ({ detail }) => {
    const comesBack = strip.dataset.state === "stale";
    live();
    if (detail.message.data === "changed" || comesBack) ask();
  });
  document.addEventListener("htmx:before:sse:connection", ({ detail }) => {
    if (detail.connection.attempt > 0) lost();
  });
  document.addEventListener("htmx:sse:error", ({ detail }) => {
    lost();
    if (detail.status === 401) ask(); // the session has ended, and the page says so
  });
  document.addEventListener("htmx:sse:close", lost);
  setTimeout(() => {
    // On a slow line htmx may have looked at the page before its part for streams was there.
    if (strip.dataset.state === "still") globalThis.htmx?.process(strip);
  }, 3000);
  setInterval(() => {
    if (Date.now() - heard > QUIET_LIMIT) lost();
    else if (!document.hidden && Date.now() - asked > REFRESH) ask();
  }, 1000);
}
