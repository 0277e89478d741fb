/** What Lambda's emulator and a sandbox say to each other over IPC. Payloads are JSON texts, as on Lambda's wire. */

/** To the sandbox, first of all. */
export interface Initialization {
  readonly environment: Readonly<Record<string, string>>;
}

/** To the sandbox: run the handler once. */
export interface Invocation {
  readonly requestId: string;
  readonly payload: string;
  /** Milliseconds since the epoch after which the sandbox is killed. */
  readonly deadline: number;
  readonly invokedFunctionArn: string;
}

/** From the sandbox: once when the handler is loaded, and once for each invocation. */
export type SandboxMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'initializationFailed'; readonly error: ErrorPayload }
  | { readonly kind: 'succeeded'; readonly requestId: string; readonly payload: string }
  | { readonly kind: 'failed'; readonly requestId: string; readonly error: ErrorPayload };

/** What Lambda answers instead of the handler's result when it throws. */
export interface ErrorPayload {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
}
