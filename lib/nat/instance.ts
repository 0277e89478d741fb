import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Aws, CfnParameter, Duration, Stack, Validations } from 'aws-cdk-lib';
import {
  type CfnInstance,
  InstanceClass,
  InstanceSize,
  InstanceType,
  NatInstanceProviderV2,
  NatTrafficDirection,
  Peer,
  Port,
  UserData,
  type Vpc,
} from 'aws-cdk-lib/aws-ec2';
import type { IConstruct } from 'constructs';

const SET_UP = readFileSync(join(import.meta.dirname, 'set-up.sh'), 'utf8');

/** Maximum time from a machine's start to its signal: ten tries to install a package, and ten tries to reach AWS. */
const SIGNAL_LIMIT = Duration.minutes(12);

/**
 * A machine that leads the network out, at a tenth of a gateway's price. CloudFormation waits until the machine has
 * called AWS through itself. When the machine cannot do it, the deployment fails at this point and reports the machine's
 * reason.
 *
 * Does not use the library's own commands: they install a package with a single call of yum. When this call fails,
 * nothing leads out, and nothing reports it.
 *
 * @see https://github.com/aws/aws-cdk/issues/36717
 */
export class NatInstance extends NatInstanceProviderV2 {
  private readonly script: UserData;

  constructor() {
    const script = UserData.forLinux();
    super({
      instanceType: InstanceType.of(InstanceClass.T4G, InstanceSize.NANO),
      defaultAllowedTraffic: NatTrafficDirection.OUTBOUND_ONLY,
      userData: script,
    });
    this.script = script;
  }

  /** Sets up the machines. Call it after the network is made. @returns the resources that exist when the network leads out */
  complete(vpc: Vpc): readonly IConstruct[] {
    for (const instance of this.gatewayInstances) {
      const resource = instance.node.defaultChild as CfnInstance;
      // Only a new machine runs the script. A changed script therefore needs a new machine, and so a new logical id.
      const stack = Stack.of(vpc);
      const id = `${stack.getLogicalId(resource)}${createHash('sha256').update(SET_UP).digest('hex').slice(0, 8)}`;
      resource.overrideLogicalId(id);
      resource.cfnOptions.creationPolicy = {
        resourceSignal: { count: 1, timeout: SIGNAL_LIMIT.toIsoString() },
      };
      this.script.addCommands(
        `STACK=${Aws.STACK_NAME} RESOURCE=${id} REGION=${Aws.REGION} SUFFIX=${Aws.URL_SUFFIX}`,
        SET_UP,
      );
    }
    this.securityGroup.addIngressRule(Peer.ipv4(vpc.vpcCidrBlock), Port.allTraffic(), 'What goes out');
    acknowledge(vpc);
    leaveImage(Stack.of(vpc));
    return this.gatewayInstances;
  }
}

/**
 * Keeps the CLI from looking for a new image. Amazon publishes one every other week, under one parameter, so the CLI
 * would often deploy only to replace the way out. A change of the stack uses the newest image.
 */
function leaveImage(stack: Stack): void {
  for (const parameter of stack.node.findAll().filter((child) => child instanceof CfnParameter)) {
    if (!String(parameter.default).startsWith('/aws/service/ami-')) continue;
    parameter.description = 'The newest image when this stack last changed. [cdk:skip]';
  }
}

/**
 * Acknowledges findings. The library creates instance and group inside the network, so the acknowledgement is attached to
 * the network.
 */
function acknowledge(vpc: Vpc): void {
  Validations.of(vpc).acknowledge(
    { id: 'AwsSolutions-EC23', reason: 'The rule cannot read the range, which is the network’s own' },
    { id: 'AwsSolutions-EC26', reason: 'The instance that leads out stores nothing' },
    {
      id: 'AwsSolutions-EC28',
      reason: 'Five-minute figures are enough for what a stage without guarantees leads out by',
    },
    { id: 'AwsSolutions-EC29', reason: 'It has no state: whoever ends it gets another one by a deployment' },
  );
}
