import * as z from 'zod';
import { readableName } from '../name-fault.ts';

/** Where an account answers; compared without regard to case, kept as typed. */
const Email = z.string().trim().max(254).pipe(z.email('Not an email address'));

/** Django's rule for usernames, in ASCII: nobody can pass for somebody else by a letter that looks the same. */
const Username = z
  .string()
  .trim()
  .min(1)
  .max(150)
  .regex(/^[\w.@+-]+$/, 'Only letters, digits and . @ + - _ are allowed');

/** Length is what counts; rules of composition make passwords worse (NIST SP 800-63B). */
const NewPassword = z.string().superRefine((password, issues) => {
  const length = [...password].length;
  if (length < 8) issues.addIssue('Too short: at least 8 characters');
  if (length > 128) issues.addIssue('Too long: at most 128 characters');
});

/** A display name: one line of text. */
const PersonName = z.string().trim().max(150).superRefine(readableName);

export const Registration = z
  .strictObject({
    email: Email,
    password: NewPassword,
    username: Username.optional(),
    name: PersonName.default(''),
  })
  .superRefine(({ email, username, password }, issues) => {
    if (username?.includes('@') && !same(username, email)) {
      issues.addIssue({ code: 'custom', path: ['username'], message: 'An address other than the email' });
    }
    if (same(password, email) || (username !== undefined && same(password, username))) {
      issues.addIssue({ code: 'custom', path: ['password'], message: 'Must differ from email and username' });
    }
  });

export type Registration = z.output<typeof Registration>;

const Login = z.string().trim().min(1).max(254);

/** One of `username` and `email`, each of which may hold either: that is what login forms send. */
export const Credentials = z
  .strictObject({
    username: Login.optional(),
    email: Login.optional(),
    password: z.string().min(1).max(1024),
  })
  .refine(({ username, email }) => (username === undefined) !== (email === undefined), {
    path: ['username'],
    message: 'Give either username or email',
  })
  .transform(({ username, email, password }) => ({ login: username ?? email ?? '', password }));

export type Credentials = z.output<typeof Credentials>;

function same(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
