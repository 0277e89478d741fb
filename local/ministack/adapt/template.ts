/** A CloudFormation template as CDK writes it, and what of it the adaptation looks at. */
export interface Template {
  Parameters?: Record<string, { Type: string; Default?: unknown }>;
  Resources: Record<string, Resource>;
  Outputs?: Record<string, unknown>;
}

export interface Resource {
  Type: string;
  Properties?: Record<string, unknown>;
  [attribute: string]: unknown;
}

/** A difference between the template that AWS would get and the one that the emulator gets. */
export interface Change {
  /** The logical id of a resource or parameter. */
  readonly resource: string;
  /** What it has become or has, and why; the same words for the same change. */
  readonly what: string;
}
