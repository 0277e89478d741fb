/** Messages between Lambda's emulator and a sandbox over IPC. Payloads are JSON texts, as in Lambda's protocol. */

/** First message to the sandbox. */
export interface Initialization {
  readonly environment: Readonly<Record<string, string>>;
}

/** Message to the sandbox: run the handler once. */
export interface Invocation {
  readonly requestId: string;
  readonly payload: string;
  /** Milliseconds since the epoch after which the sandbox is killed. */
  readonly deadline: number;
  readonly invokedFunctionArn: string;
}

/** Message from the sandbox: one when the handler is loaded, and one for each invocation. */
export type SandboxMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'initializationFailed'; readonly error: ErrorPayload }
  | { readonly kind: 'succeeded'; readonly requestId: string; readonly payload: string }
  | { readonly kind: 'failed'; readonly requestId: string; readonly error: ErrorPayload };

/** Lambda's answer in place of the handler's result when the handler throws. */
export interface ErrorPayload {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
}
