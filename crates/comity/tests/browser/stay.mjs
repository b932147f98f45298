// A stay in the middle of an export: letters are being gathered for the printer, the privacy officer records a stay, and
// no letter leaves. And the other way round: a file that was made before a stay is not handed out after it.
import { as, assert, found, open, send, told } from "./browser.mjs";

const browser = await open();
try {
  const notices = await as(browser, told.links.notices, { acceptDownloads: true });
  const privacy = await as(browser, told.links.privacy);
  const make = async () => {
    await notices.goto("/print-files");
    await notices.getByRole("button", { name: "Make the file" }).click();
    await notices.waitForURL(/\/errands\//);
    return notices.url();
  };
  const ended = async (url) => {
    for (;;) {
      await notices.goto(url);
      if (!(await notices.locator("[data-progress]").count())) return notices.locator("main").innerText();
      await notices.waitForTimeout(100);
    }
  };
  // Without a stay a file is made; it is not fetched yet.
  const before = await make();
  assert.match(await ended(before), /The file is made/);
  // One is cancelled, and makes nothing.
  await make();
  const cancel = notices.getByRole("button", { name: "Cancel" });
  const isCancelled = (await cancel.count()) > 0;
  if (isCancelled) {
    await cancel.click();
    assert.match(await ended(notices.url()), /Cancelled|The file is made/);
  }
  // The form of the stay is filled in beforehand; it is sent while letters are gathered.
  await privacy.goto("/stays/new");
  await privacy.locator("[name=order]").fill("27-cv-0001");
  await privacy.locator("[name=authority]").fill("District Court (fictional)");
  const during = await make();
  const recorded = Date.now();
  await privacy.locator("main form button").last().click();
  await privacy.waitForURL(/\/stays$/);
  const silence = Date.now() - recorded;
  const said = await ended(during);
  const stopped = /It was not done/.test(said);
  if (stopped) assert.match(said, /F8|stay/i);
  // Whatever was made by then, nothing is handed out any more.
  for (const url of [before, during]) {
    const answer = await notices.request.get(`${url}/file`, { maxRedirects: 0 });
    assert.ok([403, 404].includes(answer.status()), `${url}/file answers ${answer.status()}`);
    assert.ok(!(await answer.text()).includes("letter_sha256"));
  }
  // Gathering anew did away with the file before, whose codes open nothing any more.
  assert.equal((await notices.request.get(`${before}/file`)).status(), 404);
  assert.deepEqual(notices.wrong, []);
  found({ stopped, isCancelled, silence });
} finally {
  await browser.close();
}
