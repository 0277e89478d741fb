// @ts-check
import { h } from '../dom.js';
import { entered, field, form } from '../form.js';

/** Your organizations, and a new one. @type {import('../main.js').View} */
export function organizations(app) {
  return h(
    'section',
    { class: 'page' },
    h('h1', { tabindex: -1 }, 'Organizations'),
    h('p', { class: 'lead' }, 'Tasks and prices belong to an organization; its members share them.'),
    h(
      'ul',
      { class: 'rows' },
      ...app.organizations.map(({ id, name, role, personal }) =>
        h(
          'li',
          { class: 'row' },
          h('strong', { class: 'row-name' }, name),
          h(
            'span',
            { class: 'muted' },
            personal ? 'personal' : `you are ${role === 'member' || role === 'viewer' ? 'a' : 'an'} ${role}`,
          ),
          id === app.organization.id ? h('span', { class: 'tag' }, 'selected') : null,
        ),
      ),
    ),
    h('h2', {}, 'New organization'),
    form(
      {
        submit: 'Create organization',
        class: 'form inline',
        onSubmit: async (filled) => {
          const { name } = await app.api.createOrganization(entered(filled, 'name').trim());
          await app.reload();
          app.announce(`${name} was created. Select it above to work in it.`);
        },
      },
      field('Name', h('input', { name: 'name', required: true, autocomplete: 'organization' })),
    ),
  );
}
