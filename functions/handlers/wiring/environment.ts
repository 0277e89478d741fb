import * as z from 'zod';

/** Variables that every function has. */
export const commonEnv = {
  STAGE: z.string().min(1),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  DATABASE_CA_FILE: z.string().optional(),
};

export const queueEnv = {
  INTERACTIVE_QUEUE_URL: z.url(),
  BULK_QUEUE_URL: z.url(),
  DISPATCH_LOOKAHEAD_SECONDS: z.coerce.number().int().min(1).max(840),
  DISPATCH_RESEND_SECONDS: z.coerce.number().int().min(1).max(86_400),
};

export const socketEnv = { SOCKET_ENDPOINT: z.url() };

/** For functions that move tasks: destinations of the frames for watchers and of the events. */
export const notifierEnv = { ...socketEnv, EVENT_BUS_NAME: z.string().min(1) };

/** The bucket, and the credentials and endpoint of its S3. Lambda itself sets the other variables. */
export const artifactsEnv = {
  ARTIFACTS_BUCKET: z.string().min(1),
  AWS_REGION: z.string().min(1),
  AWS_ACCESS_KEY_ID: z.string().min(1),
  AWS_SECRET_ACCESS_KEY: z.string().min(1),
  AWS_SESSION_TOKEN: z.string().optional(),
  AWS_ENDPOINT_URL_S3: z.url(),
};

export const tokenEnv = { TOKEN_ISSUER: z.string().min(1) };

export const signingEnv = { SIGNING_SECRET_ARN: z.string().min(1) };

/** The variables of these shapes, as `readEnv` returns them. */
export type EnvOf<Shape extends z.ZodRawShape> = z.output<z.ZodObject<Shape>>;

/**
 * Reads a function's configuration, once, at cold start.
 *
 * @throws Error that names every missing or malformed variable
 */
export function readEnv<Shape extends z.ZodRawShape>(shape: Shape): EnvOf<Shape> {
  const read = z.object(shape).safeParse(process.env);
  if (read.success) return read.data;
  const complaints = read.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new Error(`The environment is not complete: ${complaints.join('; ')}`);
}
