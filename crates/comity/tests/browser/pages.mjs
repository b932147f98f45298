// Every page, in both themes: nothing that axe-core finds against WCAG 2.2 A and AA, nothing beside a window of 320 px,
// and everything that can be pressed is reached by Tab, in an order, with a focus that is seen.
import { as, assert, axe, found, open, told } from "./browser.mjs";
import { readFileSync } from "node:fs";

const source = readFileSync(axe, "utf8");
const browser = await open();
const counts = { pages: 0, looks: 0, tabs: 0 };
const problems = [];

try {
  for (const { name, link, letter, paths } of told.visits) {
    const light = await as(browser, link, { colorScheme: "light" });
    if (letter) {
      await light.goto("/me/sign-in");
      await light.locator("[name=number]").fill(told.letter.number);
      await light.locator("[name=code]").fill(told.letter.code);
      await light.getByRole("button", { name: "Continue" }).click();
      await look(light, "the code for the next time");
    }
    const state = await light.context().storageState();
    const dark = await as(browser, null, { colorScheme: "dark", storageState: state });
    for (const path of await Promise.all(paths.map((path) => address(light, path)))) {
      counts.pages += 1;
      for (const [theme, page] of [["light", light], ["dark", dark]]) {
        await page.setViewportSize({ width: 1280, height: 900 });
        const answer = await page.goto(path);
        if (!answer.ok()) {
          problems.push(`${name} ${path}: ${answer.status()}`);
          break;
        }
        await look(page, `${name} ${path} ${theme}`);
      }
      await narrow(light, `${name} ${path}`);
      await walk(light, `${name} ${path}`);
    }
    problems.push(...light.wrong, ...dark.wrong);
    await light.context().close();
    await dark.context().close();
  }
  if (problems.length) {
    console.error(problems.join("\n"));
    assert.fail(`${problems.length} problems`);
  }
  found(counts);
} finally {
  await browser.close();
}

// `/stage/verified/notice` is the page for notices of the first case at that stage, `/errands/last` that of what was made
// last.
async function address(page, path) {
  if (path === "/errands/last") {
    const text = await (await page.request.get("/errands")).text();
    const made = text.match(/href="(\/errands\/[^"]+)"/)?.[1];
    assert.ok(made, "something was made");
    return made;
  }
  const [, stage, rest] = path.match(/^\/stage\/([^/]+)\/(.*)$/) ?? [];
  if (!stage) return path;
  const answer = await page.request.get(`/cases?stage=${stage}`);
  const id = (await answer.text()).match(/href="\/cases\/([^"?/]+)"/)?.[1];
  assert.ok(id, `the demonstration has a case at ${stage}`);
  return `/cases/${id}/${rest}`.replace(/\/$/, "");
}

async function look(page, where) {
  counts.looks += 1;
  // By the debugger and not as a script of the page: the page's own policy lets no other script run.
  await page.evaluate(source);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
  }));
  for (const { id, nodes } of violations) {
    problems.push(`${where}: ${id}: ${nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`).join(" | ")}`);
  }
}

// WCAG 1.4.10: no scrolling in two directions at 320 px.
async function narrow(page, where) {
  await page.setViewportSize({ width: 320, height: 640 });
  const wide = await page.evaluate(() => {
    const most = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= most) return null;
    const over = [...document.querySelectorAll("body *")].find((one) => one.getBoundingClientRect().right > most + 1
      && !one.closest(".scroll, .paper, pre"));
    return `${document.documentElement.scrollWidth} px: ${over?.outerHTML.slice(0, 120)}`;
  });
  if (wide) problems.push(`${where}: wider than its window: ${wide}`);
  await page.setViewportSize({ width: 1280, height: 900 });
}

async function walk(page, where) {
  const wanted = await page.evaluate(() => {
    const all = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")];
    const seen = all.filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled);
    // Of a group of radio buttons Tab stops at one.
    const groups = new Set();
    const stops = seen.filter((one) => {
      if (one.type !== "radio") return true;
      const group = `${one.form?.action} ${one.name}`;
      return !groups.has(group) && groups.add(group);
    });
    window.scrollTo(0, 0);
    document.activeElement?.blur();
    return stops.length;
  });
  await page.evaluate(() => document.body.focus());
  const stops = new Set();
  for (let press = 0; press < wanted + 10 && press < 150; press += 1) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const one = document.activeElement;
      if (!one || one === document.body) return null;
      one.dataset.stop ??= String(document.querySelectorAll("[data-stop]").length + 1);
      const style = getComputedStyle(one);
      const box = one.getBoundingClientRect();
      const isSeen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
      const isInside = box.bottom > 0 && box.top < window.innerHeight;
      return { stop: one.dataset.stop, isSeen, isInside, what: one.outerHTML.slice(0, 100) };
    });
    if (!at) continue;
    if (!at.isSeen) problems.push(`${where}: a focus that is not seen: ${at.what}`);
    if (!at.isInside) problems.push(`${where}: a focus outside the window: ${at.what}`);
    stops.add(at.stop);
  }
  counts.tabs += stops.size;
  if (wanted <= 140 && stops.size < wanted) problems.push(`${where}: ${stops.size} of ${wanted} are reached by Tab`);
}
