/** Sources of the prices. No source could be fetched live: these are stored copies, and `seen` is the date in the copy. */
export const SOURCES = {
  'list-eu-1': {
    seen: '2026-10-08',
    what: 'AWS Price List files of eu-central-1 (AmazonRDS, AmazonEC2, AmazonVPC, AmazonCloudWatch, AWSELB, AWSSecretsManager), as transcribed in a public repository',
  },
  'list-eu-2': {
    seen: '2026-08-11',
    what: 'AWS Pricing API for eu-central-1, as transcribed in a public repository',
  },
  'list-london': {
    seen: '2026-09-28',
    what: 'AWS Price List of eu-west-2 and of the global services, as transcribed in a public repository; where one price holds in all commercial regions',
  },
  'list-us-1': {
    seen: '2026-07-13',
    what: 'price table of us-east-1 in a public repository, checked against the price list on that day',
  },
  'list-us-2': {
    seen: '2025-10-28',
    what: 'AWS Pricing API for us-east-1 (Lambda, EventBridge), as transcribed in a public repository',
  },
  'us-instances': { seen: '2026-06', what: 'EC2 on demand, us-east-1, in a public repository' },
  'aws-toolkit': {
    seen: '2026-03-28',
    what: "fallback prices for us-east-1 in AWS's own aws/agent-toolkit-for-aws (acu_calculator.py, io-optimized-pricing.md)",
  },
  'aws-apigw': {
    seen: '2026-09-20',
    what: 'worked examples of https://aws.amazon.com/api-gateway/pricing/ (US regions)',
  },
  'guide-sqs': { seen: '2026-03-14', what: 'https://cloudburn.io/blog/amazon-sqs-pricing (us-east-1)' },
  'guide-events': { seen: '2026-03-13', what: 'https://cloudburn.io/blog/amazon-eventbridge-pricing' },
  'guide-kms': { seen: '2026-03-14', what: 'https://cloudburn.io/blog/aws-kms-pricing' },
  'guide-cloudwatch': {
    seen: '2026-06-13',
    what: 'https://www.factualminds.com/blog/amazon-cloudwatch-pricing-metrics-logs-alarms-dashboards/',
  },
  'guide-waf': { seen: 'undated', what: 'https://c3x.dev/blog/aws-waf-cost-explained/' },
  /** No stored source was found: check these prices before you rely on them. */
  unconfirmed: { seen: '—', what: 'from memory, and **not confirmed** by a source' },
} as const satisfies Record<string, { seen: string; what: string }>;

export type Source = keyof typeof SOURCES;
