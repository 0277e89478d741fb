import * as z from 'zod';
import { betweenBlanks, line, SAYS_SOMETHING, STORABLE } from '../text-rules.ts';

/** The addresses that `z.email()` accepts, as a pattern without lookarounds. */
const EMAIL =
  "(?:[A-Za-z0-9_'+-]+\\.)*[A-Za-z0-9_'+-]*[A-Za-z0-9_+-]@(?:[A-Za-z0-9][A-Za-z0-9-]*\\.)+[A-Za-z]{2,}";

/** Email address of the account. Compared without regard to case, stored as typed. */
const Email = z
  .string()
  .max(254)
  .trim()
  .pipe(z.email('Not an email address'))
  .meta({ maxLength: 254, pattern: betweenBlanks(EMAIL) });

/** Django's rule for usernames, limited to ASCII: nobody can imitate another username with a letter that looks the same. */
const Username = z
  .string()
  .max(150)
  .trim()
  .min(1)
  .regex(/^[\w.@+-]+$/, 'Only letters, digits and . @ + - _ are allowed')
  .meta({ pattern: betweenBlanks('[A-Za-z0-9_.@+-]+') })
  .describe('A username with an @ must equal the email');

export const MIN_PASSWORD_LENGTH = 8;

/** Only the length is limited: rules of composition make passwords worse (NIST SP 800-63B). */
const NewPassword = z
  .string()
  .min(MIN_PASSWORD_LENGTH, `Too short: at least ${MIN_PASSWORD_LENGTH} characters`)
  .max(128, 'Too long: at most 128 characters')
  .meta({ pattern: STORABLE.source })
  .describe(
    'Must not be the email, the part of the email before the @, or the username. At least 4 different characters. Sequences, repetitions and the most common passwords are refused.',
  );

/** A display name: one line of text. */
const PersonName = line(150);

export const Registration = z
  .strictObject({
    email: Email,
    password: NewPassword,
    username: Username.optional(),
    name: PersonName.transform((name) => name.trim()).default(''),
  })
  .superRefine(({ email, username, password }, issues) => {
    if (username?.includes('@') && !same(username, email)) {
      issues.addIssue({
        code: 'custom',
        path: ['username'],
        message: 'Contains an @, so it must equal the email',
      });
    }
    const names = [email, email.replace(/@.*/, ''), ...(username === undefined ? [] : [username])];
    if (names.some((each) => same(password.trim(), each))) {
      issues.addIssue({ code: 'custom', path: ['password'], message: 'Must differ from email and username' });
    }
  });

export type Registration = z.output<typeof Registration>;

const Login = z.string().max(254).trim().min(1).meta({ minLength: 1, pattern: SAYS_SOMETHING.source });

/** Exactly one of `username` and `email`. Each of them may hold a username or an email, because login forms send either. */
export const Credentials = z
  .strictObject({
    username: Login.optional(),
    email: Login.optional(),
    password: z.string().min(1).max(1024).meta({ pattern: STORABLE.source }),
  })
  .refine(({ username, email }) => (username === undefined) !== (email === undefined), {
    path: ['username'],
    message: 'Give either username or email',
  })
  .meta({ oneOf: [{ required: ['username'] }, { required: ['email'] }] })
  .transform(({ username, email, password }) => ({ login: username ?? email ?? '', password }));

export type Credentials = z.output<typeof Credentials>;

function same(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
