/** A CloudFormation template from CDK, with the parts that the adaptation reads. */
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
  /** The change and its reason. Equal changes have equal texts. */
  readonly what: string;
}
