// A real browser for the scenes: Chromium, driven by playwright-core. What a scene is told comes as JSON on the command
// line, and what it found goes out as the last line of its output.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import assert from "node:assert/strict";

const modules = process.env.COMITY_BROWSER_MODULES;
assert.ok(modules, "COMITY_BROWSER_MODULES names the folder with playwright-core and axe-core");
const require = createRequire(`${modules}/`);
const { chromium } = require("playwright-core");

export const axe = require.resolve("axe-core/axe.min.js");
export { assert };
export const told = JSON.parse(process.argv[2] ?? "{}");

export async function open() {
  return chromium.launch({
    executablePath: process.env.COMITY_CHROMIUM ?? "/usr/bin/chromium",
    // The tests' own pages on this machine are all it ever loads.
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
}

// A page of somebody who came in by a link that counts once.
export async function as(browser, link, options = {}) {
  // A link counts once: whoever came in by it in an earlier scene is still in.
  const state = told.states && link ? `${told.states}/${link.split("/").pop()}.json` : null;
  if (state && existsSync(state)) options.storageState = state;
  // Nothing glides: what is looked at next is where it will be.
  const context = await browser.newContext({ baseURL: told.base, reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("response", (response) => {
    if (response.status() >= 500) wrong.push(`${response.status()} ${response.url()}`);
  });
  page.wrong = wrong;
  if (options.storageState) await page.goto("/");
  else if (link) {
    await page.goto(link);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { level: 1, name: /^(My work|Before you begin)$/ }).waitFor();
    if (state) await context.storageState({ path: state });
  }
  return page;
}

// The form of a page that takes a step.
export const form = (page, step) => page.locator(`form:has(input[name=step][value="${step}"])`);

export async function send(page, step, fields = {}) {
  const one = form(page, step);
  // What is done seldom is folded away: it is unfolded as a person would.
  const folded = page.locator("details:not([open])", { has: one });
  if (await folded.count()) await folded.locator("summary").first().click();
  for (const [name, value] of Object.entries(fields)) {
    const field = one.locator(`[name="${name}"]`);
    const kind = await field.first().getAttribute("type");
    if (kind === "radio" || kind === "checkbox") await one.locator(`[name="${name}"][value="${value}"]`).check();
    else await field.fill(value);
  }
  await one.locator("button").click();
  await page.waitForLoadState();
}

export async function stands(page, id, stage) {
  await page.goto(`/cases/${id}`);
  const shown = await page.locator("dl.summary dd").first().innerText();
  assert.equal(shown.trim(), stage, `case ${id}`);
}

export function found(what) {
  console.log(JSON.stringify(what));
}
