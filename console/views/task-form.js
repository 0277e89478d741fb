// @ts-check
import { h } from '../dom.js';
import { entered, field, form } from '../form.js';
import { Problem } from '../transport.js';

/** A payload to begin with, by kind. @type {Record<string, unknown>} */
const EXAMPLES = {
  'data.process': {
    records: [
      { city: 'Bern', celsius: 3.5 },
      { city: 'Graz', celsius: 5 },
      { city: 'Bern', celsius: 4.1 },
    ],
    group_by: 'city',
  },
  'http.request': { url: 'https://example.com/', method: 'GET' },
};

/** @type {Record<string, string>} */
const EXPLANATIONS = {
  'data.process':
    'Summarizes records, or CSV text: counts, types and statistics per column, and by group. {} is enough.',
  'http.request': 'Sends one HTTP request to the internet and keeps the answer.',
};

/** Bytes of a CSV file that the API takes. */
const MAX_CSV_BYTES = 1_000_000;

/** A new task in the selected organization. @type {import('../main.js').View} */
export function taskForm(app, { signal }) {
  const payload = h('textarea', {
    name: 'payload',
    rows: 11,
    spellcheck: 'false',
    class: 'code',
    required: true,
  });
  payload.value = exampleOf('data.process');
  const explanation = h('span', {}, EXPLANATIONS['data.process']);
  const file = csvPicker((text) => {
    payload.value = JSON.stringify({ csv: text }, null, 2);
    payload.dispatchEvent(new Event('input'));
  }, app.announce);
  const kind = h(
    'select',
    { name: 'kind', required: true },
    h('option', { value: 'data.process' }, 'Process data'),
    h('option', { value: 'http.request' }, 'HTTP request'),
  );
  kind.addEventListener('change', () => {
    explanation.textContent = EXPLANATIONS[kind.value] ?? '';
    file.hidden = kind.value !== 'data.process';
    if (Object.keys(EXAMPLES).some((name) => payload.value === exampleOf(name)))
      payload.value = exampleOf(kind.value);
  });

  return h(
    'section',
    { class: 'page medium' },
    h('h1', { tabindex: -1 }, 'New task'),
    form(
      {
        submit: 'Schedule task',
        onSubmit: async (filled) => {
          const task = await app.api.createTask({ ...taskOf(filled), organization: app.organization.id });
          app.announce(`Scheduled: ${task.name}`);
          // Whoever has gone on to another page meanwhile stays there.
          if (!signal.aborted) location.hash = `#/tasks/${task.id}`;
        },
      },
      field('Name', h('input', { name: 'name', required: true, 'data-first': true, autocomplete: 'off' })),
      field('Description', h('input', { name: 'description', autocomplete: 'off' })),
      h(
        'div',
        { class: 'columns' },
        field('Kind', kind),
        field(
          'Start',
          h('input', { name: 'scheduled_time', type: 'datetime-local' }),
          'In your time zone. Empty: at once.',
        ),
        field(
          'Retries',
          h('input', { name: 'max_retries', type: 'number', min: 0, max: 100, placeholder: '3' }),
          'After a failure, with growing pauses.',
        ),
      ),
      field('Payload (JSON)', payload, explanation),
      file,
    ),
    h('p', { class: 'aside' }, h('a', { href: '#/tasks' }, 'Back to the tasks')),
  );
}

/** @param {string} kind */
function exampleOf(kind) {
  return JSON.stringify(EXAMPLES[kind], null, 2);
}

/**
 * @param {HTMLFormElement} filled
 * @throws {Problem} at `/payload`, when that is not JSON
 */
function taskOf(filled) {
  const [time, retries] = [entered(filled, 'scheduled_time'), entered(filled, 'max_retries')];
  return {
    name: entered(filled, 'name'),
    description: entered(filled, 'description'),
    kind: entered(filled, 'kind'),
    ...(time && { scheduled_time: new Date(time).toISOString() }),
    ...(retries && { max_retries: Number(retries) }),
    payload: parsePayload(entered(filled, 'payload')),
  };
}

/** @param {string} text */
function parsePayload(text) {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const detail = `This is not JSON: ${cause instanceof Error ? cause.message : ''}`;
    throw new Problem(400, 'invalid_json', detail, [{ in: 'body', pointer: '/payload', detail }]);
  }
}

/** @param {(text: string) => void} onText @param {(text: string) => void} announce */
function csvPicker(onText, announce) {
  const input = h('input', { type: 'file', accept: '.csv,text/csv', id: 'csv-file' });
  input.addEventListener('change', async () => {
    const [file] = input.files ?? [];
    if (!file) return;
    if (file.size > MAX_CSV_BYTES)
      announce(`${file.name} is too large: at most ${MAX_CSV_BYTES / 1_000_000} MB.`);
    else onText(await file.text());
    input.value = '';
  });
  return h('div', { class: 'field' }, h('label', { for: 'csv-file' }, 'Or read it from a CSV file'), input);
}
