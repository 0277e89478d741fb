// @ts-check
import { whileBusy } from '../busy.js';
import { fill, h } from '../dom.js';
import { entered, field, form } from '../form.js';
import { mayChange } from '../organization.js';
import { distance } from '../times.js';
import { Problem } from '../transport.js';
import { failure } from './failure.js';
import { changeText, priceText } from './price-text.js';

/** @typedef {import('../types.js').Price} Price */

/** Prices change every five minutes; looking once a minute shows a new one soon after. Milliseconds. */
const LOOK_AGAIN_MS = 60_000;

const COMMON_ASSETS = [
  'bitcoin',
  'ethereum',
  'solana',
  'cardano',
  'litecoin',
  'monero',
  'ripple',
  'dogecoin',
  'polkadot',
];
const COMMON_CURRENCIES = ['usd', 'eur', 'gbp', 'chf', 'jpy', 'cny', 'inr', 'brl', 'btc', 'eth'];

/** What the organization follows, with the latest prices. @type {import('../main.js').View} */
export function prices(app, { signal }) {
  const organization = app.organization.id;
  const canChange = mayChange(app.organization);
  const region = h('div', { class: 'list of-prices', 'aria-busy': 'true' });

  const load = async () => {
    try {
      const { results } = await app.api.latestPrices(organization);
      if (!signal.aborted) show(results);
    } catch (error) {
      if (!signal.aborted)
        fill(
          region,
          failure(error, 'The prices could not be loaded', () => void load()),
        );
    }
    region.removeAttribute('aria-busy');
  };

  /** @param {Price[]} latest */
  const show = (latest) => {
    const held = document.activeElement?.closest('[data-pair]')?.getAttribute('data-pair');
    const cards = latest.map(card);
    fill(region, cards.length === 0 ? empty() : h('ul', { class: 'prices' }, ...cards));
    // Whoever stood on a button stays there.
    if (held)
      cards
        .find((shown) => shown.dataset.pair === held)
        ?.querySelector('button')
        ?.focus();
  };

  /** @param {Price} price */
  const card = (price) => {
    const { asset, currency } = price;
    const remove = h(
      'button',
      { class: 'button small quiet', type: 'button', 'aria-label': `Remove ${asset} in ${currency}` },
      'Remove',
    );
    remove.addEventListener('click', () => void whileBusy(remove, () => unfollow(price)));
    return h(
      'li',
      {
        class: 'price',
        'data-pair': `${asset}/${currency}`,
        'data-stale': price.stale && price.price !== null,
      },
      h(
        'div',
        { class: 'price-head' },
        h('h2', {}, asset),
        h('span', { class: 'muted' }, currency.toUpperCase()),
      ),
      h('p', { class: 'price-figure' }, priceText(price)),
      h('p', { class: 'price-foot' }, ...age(price)),
      canChange && remove,
    );
  };

  /** @param {Price} price */
  const unfollow = async ({ asset, currency }) => {
    try {
      await app.api.unfollow(organization, { asset, currency });
      app.announce(`${asset} in ${currency} is no longer followed.`);
      await load();
      assetInput.focus();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      app.announce(error.message);
    }
  };

  const assetInput = h('input', {
    name: 'asset',
    list: 'assets',
    required: true,
    autocomplete: 'off',
    autocapitalize: 'none',
    spellcheck: 'false',
  });
  const followForm = form(
    {
      submit: 'Follow',
      class: 'form inline',
      onSubmit: async (filled) => {
        const pair = {
          asset: entered(filled, 'asset').trim().toLowerCase(),
          currency: entered(filled, 'currency').trim().toLowerCase() || 'usd',
        };
        await app.api.follow(organization, pair);
        filled.reset();
        app.announce(`${pair.asset} in ${pair.currency} is followed.`);
        await load();
      },
    },
    field('Asset', assetInput, 'Its CoinGecko id, such as bitcoin.'),
    field(
      'Currency',
      h('input', {
        name: 'currency',
        list: 'currencies',
        value: 'usd',
        required: true,
        autocomplete: 'off',
        autocapitalize: 'none',
        spellcheck: 'false',
      }),
    ),
    h('datalist', { id: 'assets' }, ...COMMON_ASSETS.map((asset) => h('option', { value: asset }))),
    h(
      'datalist',
      { id: 'currencies' },
      ...COMMON_CURRENCIES.map((currency) => h('option', { value: currency })),
    ),
  );

  const timer = setInterval(() => !document.hidden && void load(), LOOK_AGAIN_MS);
  signal.addEventListener('abort', () => clearInterval(timer));
  void load();

  return h(
    'section',
    { class: 'page' },
    h('h1', { tabindex: -1 }, 'Prices'),
    h('p', { class: 'lead' }, `What ${app.organization.name} follows, fetched every five minutes.`),
    region,
    canChange && h('h2', {}, 'Follow another'),
    canChange && followForm,
  );
}

/** @param {Price} price @returns {import('../dom.js').Child[]} */
function age({ as_of, stale, change_24h, price }) {
  if (price === null || as_of === null) return ['The first price comes within five minutes.'];
  const change = changeText(change_24h);
  return [
    change && h('span', { class: 'change', 'data-sign': change.sign }, change.text),
    stale &&
      h(
        'span',
        { class: 'tag stale', title: 'Older than ten minutes: the provider did not answer' },
        'Stale',
      ),
    h('span', { class: 'as-of' }, 'as of ', distance(as_of)),
  ];
}

function empty() {
  return h(
    'div',
    { class: 'empty' },
    h('p', { class: 'empty-title' }, 'This organization follows no prices.'),
    h('p', {}, 'Add an asset below; its price comes within five minutes.'),
  );
}
