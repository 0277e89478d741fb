import { CfnParameter, Stack, Validations } from 'aws-cdk-lib';
import {
  FlowLogDestination,
  FlowLogTrafficType,
  GatewayVpcEndpointAwsService,
  InstanceClass,
  InstanceSize,
  InstanceType,
  type IVpc,
  NatInstanceProviderV2,
  NatProvider,
  NatTrafficDirection,
  Peer,
  Port,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Stage } from '../stages.ts';
import { fateOf } from './fate.ts';

/**
 * Two zones with three kinds of subnets: public (only the way out), functions (reach the internet, are not reached)
 * and database (neither).
 *
 * AWS's own APIs are called through the way out too. Interface endpoints would cost more than it, one by one and
 * per zone, and one for execute-api would hide the public APIs from the functions. S3's gateway endpoint is free.
 */
export class Network extends Construct {
  readonly vpc: IVpc;

  constructor(scope: Construct, id: string, stage: Stage) {
    super(scope, id);
    const { egress, logs } = stage;
    const nat = egress.by === 'nat-instance' ? natInstance() : undefined;
    const vpc = new Vpc(this, 'Vpc', {
      maxAzs: 2,
      natGateways: egress.count,
      natGatewayProvider: nat ?? NatProvider.gateway(),
      // Nothing is in the default group; emptying it would take a custom resource with rights of its own.
      restrictDefaultSecurityGroup: false,
      subnetConfiguration: [
        { name: 'public', subnetType: SubnetType.PUBLIC, cidrMask: 24 },
        { name: 'functions', subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 20 },
        { name: 'database', subnetType: SubnetType.PRIVATE_ISOLATED, cidrMask: 24 },
      ],
      gatewayEndpoints: { S3: { service: GatewayVpcEndpointAwsService.S3 } },
    });
    // What was refused is what tells of an attack or of a wrong rule; the rest would cost, and say little.
    const flowLog = new LogGroup(this, 'Refused', { retention: logs.retention, ...fateOf(stage) });
    vpc.addFlowLog('FlowLog', {
      trafficType: FlowLogTrafficType.REJECT,
      destination: FlowLogDestination.toCloudWatchLogs(flowLog),
    });
    if (nat) {
      acknowledgeInstance(vpc);
      leaveImage(Stack.of(this));
    }
    nat?.securityGroup.addIngressRule(Peer.ipv4(vpc.vpcCidrBlock), Port.allTraffic(), 'What goes out');
    // The library's own types disagree about optional members under `exactOptionalPropertyTypes`.
    this.vpc = vpc as IVpc;
  }
}

function natInstance(): NatInstanceProviderV2 {
  return new NatInstanceProviderV2({
    instanceType: InstanceType.of(InstanceClass.T4G, InstanceSize.NANO),
    defaultAllowedTraffic: NatTrafficDirection.OUTBOUND_ONLY,
  });
}

/**
 * Amazon publishes new images every other week, under one parameter. The CLI would deploy anew for the mere chance of
 * one, and replace the way out: it is told not to look. A change of the stack takes the newest along.
 */
function leaveImage(stack: Stack): void {
  for (const parameter of stack.node.findAll().filter((child) => child instanceof CfnParameter)) {
    if (!String(parameter.default).startsWith('/aws/service/ami-')) continue;
    parameter.description = 'The newest image when this stack last changed. [cdk:skip]';
  }
}

/** The library makes instance and group inside the network, so that the reasons stand there, too. */
function acknowledgeInstance(vpc: Vpc): void {
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
