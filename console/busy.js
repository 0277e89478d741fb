// @ts-check

/**
 * Runs what a button does, once at a time. The button stays focusable meanwhile: `disabled` would throw whoever uses
 * the keyboard back to the top of the page.
 *
 * @param {HTMLButtonElement} button
 * @param {() => Promise<void>} run
 */
export async function whileBusy(button, run) {
  if (button.getAttribute('aria-disabled') === 'true') return;
  button.setAttribute('aria-disabled', 'true');
  try {
    await run();
  } finally {
    button.removeAttribute('aria-disabled');
  }
}
