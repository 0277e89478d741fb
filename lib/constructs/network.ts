import {
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
import { Construct } from 'constructs';
import type { Stage } from '../stages.ts';

/**
 * Two zones with three kinds of subnets: public (only the way out), functions (reach the internet, are not reached)
 * and database (neither).
 *
 * AWS's own APIs are called through the way out too. Interface endpoints would cost more than it, one by one and
 * per zone, and one for execute-api would hide the public APIs from the functions. S3's gateway endpoint is free.
 */
export class Network extends Construct {
  readonly vpc: IVpc;

  constructor(scope: Construct, id: string, { egress }: { egress: Stage['egress'] }) {
    super(scope, id);
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
