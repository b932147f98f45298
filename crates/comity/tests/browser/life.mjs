// The life of a case, by five roles, from lead to a letter in the mail. Then, after its time, to an action; or, where the
// person contests and wins, to a correction.
import { as, assert, form, found, open, send, stands, told } from "./browser.mjs";

const browser = await open();
try {
  const parts = { letter, contest, decide, action, corrected };
  found(await parts[told.part]());
} finally {
  await browser.close();
}

async function letter() {
  const { id } = told;
  const reviewer = await as(browser, told.links.reviewer);
  await reviewer.goto(`/cases/${id}/review`);
  await reviewer.keyboard.press("s");
  await reviewer.keyboard.press("1");
  await reviewer.keyboard.press("Enter");
  await reviewer.getByRole("status").getByText(`${id} is recorded: same.`).waitFor();
  await stands(reviewer, id, "reviewed");

  const verifier = await as(browser, told.links.verifier);
  await verifier.goto(`/cases/${id}/verification`);
  await send(verifier, "verify");
  // What is missing is all said at once, where it is, and what was typed is not lost.
  await send(verifier, "find", { words: "The employer wrote that it paid this." });
  assert.match(await verifier.title(), /^Error: /);
  assert.ok((await verifier.locator(".errors li").count()) >= 3);
  assert.equal(await verifier.locator("[name=words]").inputValue(), "The employer wrote that it paid this.");
  await send(verifier, "find", {
    amount: "3546.36", access: "yes", from: told.days.from, to: told.days.to,
    source: "payer", reference: "letter 12", seen: told.days.seen,
  });
  // Who found it does not confirm it.
  await verifier.goto(`/cases/${id}/verification`);
  if (await form(verifier, "confirm").count()) {
    await send(verifier, "confirm");
    assert.match(await verifier.locator("main").innerText(), /F5-confirm|second|another/i);
  }
  await stands(verifier, id, "verifying");

  const second = await as(browser, told.links.second);
  await second.goto(`/cases/${id}/verification`);
  await send(second, "confirm");
  await stands(second, id, "verified");

  const notices = await as(browser, told.links.notices);
  await notices.goto(`/cases/${id}/notice`);
  await send(notices, "draft-notice");
  await notices.goto(`/cases/${id}/letter`);
  assert.equal(await notices.locator(".letter .code").count(), 0, "a letter on the screen has no code");
  await notices.getByRole("button", { name: "Make a copy to send" }).click();
  const code = await notices.locator(".letter .code").innerText();
  assert.match(code, /^[0-9A-Z-]{19}$/);
  assert.ok((await notices.locator(".letter").innerText()).includes(id), "the letter says its number");
  await notices.goto(`/cases/${id}/notice`);
  await send(notices, "serve-notice");
  await stands(notices, id, "noticed");

  // Nobody acts before the time to answer has ended.
  await second.goto(`/cases/${id}/action`);
  assert.equal(await form(second, "take-action").count(), 0);
  for (const page of [reviewer, verifier, second, notices]) assert.deepEqual(page.wrong, []);
  return { code };
}

async function contest() {
  const page = await as(browser);
  const enter = async (code) => {
    await page.goto("/me/sign-in");
    await page.locator("[name=number]").fill(told.id);
    await page.locator("[name=code]").fill(code);
    await page.getByRole("button", { name: "Continue" }).click();
  };
  await enter("0000-0000-0000-0000");
  assert.match(await page.locator(".errors").innerText(), /not right/);
  await enter(told.code);
  const next = await page.locator("pre code").innerText();
  assert.notEqual(next, told.code);
  await page.getByRole("link", { name: "Continue" }).click();
  assert.match(await page.locator("main").innerText(), /What was disclosed about you/);
  // The receipt of each disclosure can be taken away.
  const link = page.getByRole("link", { name: /^Entry / }).first();
  const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
  assert.match(download.suggestedFilename(), /tlog-proof$/);
  await page.getByRole("link", { name: "Answer", exact: true }).click();
  await page.locator("[name=statement]").fill("That job ended in June. The pay slip shows it.");
  await page.locator("[name=papers]").setInputFiles({
    name: "pay slip.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF-1.7\n%%EOF\n"),
  });
  await page.getByRole("button", { name: "Send the answer" }).click();
  await page.getByRole("status").getByText("Your answer is here").waitFor();
  // The code of the letter is used up.
  const other = await as(browser);
  await other.goto("/me/sign-in");
  await other.locator("[name=number]").fill(told.id);
  await other.locator("[name=code]").fill(told.code);
  await other.getByRole("button", { name: "Continue" }).click();
  assert.match(await other.locator(".errors").innerText(), /not right/);
  assert.deepEqual(page.wrong, []);
  return { next };
}

async function decide() {
  const privacy = await as(browser, told.links.privacy);
  await privacy.goto(`/cases/${told.id}/contest`);
  assert.match(await privacy.locator("main").innerText(), /That job ended in June/);
  await privacy.goto(`/cases/${told.id}/decision`);
  await send(privacy, "decide", { heard: "upheld", reason: "The pay slip shows it." });
  await privacy.goto(`/cases/${told.id}/correction`);
  await send(privacy, "correct", { words: "The job ended in June.", language: "es" });
  await stands(privacy, told.id, "correction");
  assert.deepEqual(privacy.wrong, []);
  return {};
}

async function corrected() {
  const privacy = await as(browser, told.links.privacy);
  await privacy.goto(`/cases/${told.id}/correction`);
  assert.match(await privacy.locator("main").innerText(), /acknowledged/);
  await send(privacy, "tell-individual");
  const page = await as(browser);
  await page.goto("/me/sign-in");
  await page.locator("[name=number]").fill(told.id);
  await page.locator("[name=code]").fill(told.next);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("link", { name: "Continue" }).click();
  const said = await page.locator("main").innerText();
  assert.match(said, /has put its record right/);
  assert.match(said, /You were told of it/);
  return {};
}

async function action() {
  const second = await as(browser, told.links.second);
  await second.goto(`/cases/${told.id}/action`);
  await send(second, "take-action", {
    kind: "reduced", from: told.days.from, amount: "120", undo: "The payment is raised again from the same month.",
  });
  assert.match(await second.locator("main").innerText(), /Action taken/);
  await stands(second, told.id, "action");
  assert.deepEqual(second.wrong, []);
  return {};
}
