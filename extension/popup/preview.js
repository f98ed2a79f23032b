/** A message as somebody would read it. The server renders what is really sent, by the same rules. */

export const sample = {username: 'ana.lopez', full_name: 'Ana López', first_name: 'Ana', category: 'Café'};

/** @param {string} template @param {Record<string, string>} person */
export function rendered(template, person) {
  return template.replace(/\{\{|\}\}|\{(\w+)\}/g, (all, name) => {
    if (all === '{{') return '{';
    if (all === '}}') return '}';
    return person[name] ?? all;
  });
}
