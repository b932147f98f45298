// Fifty leads, judged by keyboard alone: no mouse, no link, no field is clicked.
import { as, assert, found, open, told } from "./browser.mjs";

const browser = await open();
try {
  const page = await as(browser, told.links.reviewer);
  page.mouse.click = () => assert.fail("the mouse is not used");
  // From the first page to the first lead with Tab and Enter.
  const next = page.getByRole("link", { name: "Review the next lead" });
  for (let presses = 0; ; presses += 1) {
    assert.ok(presses < 60, "the next lead is reached by Tab");
    await page.keyboard.press("Tab");
    if (await next.evaluate((one) => one === document.activeElement)) break;
  }
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/review$/);
  const seen = new Set();
  const begun = Date.now();
  for (let number = 0; number < 50; number += 1) {
    const id = new URL(page.url()).pathname.split("/")[2];
    assert.ok(!seen.has(id), `${id} comes twice`);
    seen.add(id);
    const [judgement, reason] = number % 7 === 3 ? ["n", "3"] : ["s", "1"];
    await page.keyboard.press(judgement);
    await page.keyboard.press(reason);
    if (number === 5) {
      // Words are typed where `s` and `n` are letters and no answers.
      await page.keyboard.press("w");
      await page.keyboard.type("same employer, seen");
      await page.keyboard.press("Escape");
    }
    const going = page.waitForURL((url) => !url.pathname.includes(id));
    await page.keyboard.press("Enter");
    await going;
    await page.getByRole("status").getByText(`${id} is recorded`).waitFor();
  }
  assert.deepEqual(page.wrong, []);
  found({ judged: seen.size, seconds: (Date.now() - begun) / 1000 });
} finally {
  await browser.close();
}
