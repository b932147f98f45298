// The console's one script. Every page works without it: it moves the focus, adds keys for review, keeps a button from
// being pressed twice, and looks again at what is under way.
"use strict";

(() => {
  const first = (query, within = document) => within.querySelector(query);
  const all = (query, within = document) => Array.from(within.querySelectorAll(query));

  // After a page came back, the focus goes to what changed: errors first, then what was done.
  const told = first(".errors") ?? first("[data-focus]");
  if (told) told.focus();

  // A form is sent once.
  for (const form of all("form")) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) return event.preventDefault();
      form.dataset.sent = "yes";
      // Coming back by the browser's history finds it as it was.
      window.setTimeout(() => { delete form.dataset.sent; }, 4000);
    });
  }
  window.addEventListener("pageshow", () => all("form").forEach((form) => delete form.dataset.sent));

  // What is under way is looked at again, without moving the focus.
  const running = first("[data-progress]");
  if (running) {
    const look = async () => {
      const answer = await fetch(running.dataset.progress, { headers: { accept: "application/json" } }).catch(() => null);
      if (!answer || !answer.ok) return window.setTimeout(look, 4000);
      const seen = await answer.json().catch(() => null);
      if (!seen) return;
      const { done, of, ended } = seen;
      if (ended) return window.location.reload();
      const bar = first("progress", running);
      bar.max = of;
      bar.value = done;
      first("output", running).textContent = `${done} of ${of}`;
      window.setTimeout(look, 1000);
    };
    window.setTimeout(look, 1000);
  }

  // Keys for review: single letters, which can be switched off, and never while somebody types (WCAG 2.1.4).
  const judge = first("form[data-keys]");
  if (!judge) return;
  const toggle = first("[data-keys-toggle]");
  const remembered = () => window.localStorage.getItem("review-keys") !== "off";
  const show = () => {
    toggle.hidden = false;
    toggle.setAttribute("aria-pressed", String(remembered()));
    toggle.textContent = remembered() ? "Keys are on: switch off" : "Keys are off: switch on";
  };
  toggle.addEventListener("click", () => {
    window.localStorage.setItem("review-keys", remembered() ? "off" : "on");
    show();
  });
  show();

  const choose = (input) => {
    input.checked = true;
    input.focus();
    input.dispatchEvent(new Event("change", { bubbles: true }));
  };
  document.addEventListener("keydown", (event) => {
    if (!remembered() || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = event.target;
    const types = at.matches("textarea, select, input:not([type=radio]):not([type=checkbox])");
    if (types) {
      if (event.key === "Escape") judge.querySelector("input[type=radio]").focus();
      return;
    }
    const input = all("input[data-key]", judge).find((one) => one.dataset.key === event.key);
    const link = all("a[data-key]").find((one) => one.dataset.key === event.key);
    if (input) choose(input);
    else if (link) link.click();
    else if (event.key === "w") first("textarea, input[type=text]", judge)?.focus();
    else if (event.key === "Enter" && !at.matches("a, button, summary")) judge.requestSubmit();
    else return;
    event.preventDefault();
  });
  // The hand stays where it was: the first lead and the fiftieth begin at the same place.
  if (!told || told.matches(".flash")) judge.querySelector("input[type=radio]")?.focus({ preventScroll: true });
})();
