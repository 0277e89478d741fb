import type { FunctionSpec } from '../../template/deployment.ts';
import { REGION } from '../../template/physical.ts';

/**
 * Returns the environment of a sandbox: Lambda's variables, the template's variables, and the emulators' addresses.
 * Only PATH comes from the developer's environment. HOME does not exist, as on Lambda: the SDK reads settings there.
 * Without HOME it would find the developer's settings, or fail for a user without a home.
 *
 * @param endpoints `AWS_ENDPOINT_URL…`, which the SDK reads by itself
 */
export function sandboxEnvironment(
  { name, codeDir, handler, memoryMb, environment }: FunctionSpec,
  endpoints: Readonly<Record<string, string>>,
): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '',
    LANG: 'en_US.UTF-8',
    TZ: 'UTC',
    HOME: '/home/sbx_user1051',
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
    // The runtime's own credentials replace these.
    AWS_ACCESS_KEY_ID: 'none',
    AWS_SECRET_ACCESS_KEY: 'none',
    AWS_SESSION_TOKEN: 'none',
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_NAME: name,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMb),
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: 'local',
    LAMBDA_TASK_ROOT: codeDir,
    _HANDLER: handler,
    ...environment,
    // Last, because they replace S3's regional address in the template.
    ...endpoints,
  };
}
