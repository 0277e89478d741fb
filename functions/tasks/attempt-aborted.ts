/** Why a running attempt must stop: the abort reason of its handler's signal. */
export class AttemptAborted extends Error {
  readonly code: 'soft_limit_exceeded' | 'cancelled' | 'lease_lost';

  constructor(code: AttemptAborted['code'], message: string) {
    super(message);
    this.name = 'AttemptAborted';
    this.code = code;
  }
}
