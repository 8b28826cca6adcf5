/** Typed requests to other services. Speaks the packets of Nest's NATS transport over one shared inbox. */
import { ServiceError, unavailable, type Answer, type Reply, type Request, type Subject } from '@sluice/messages';
import { NoRespondersError, RequestError, TimeoutError, type NatsConnection } from '@nats-io/transport-node';

interface Packet {
  readonly response?: Reply<unknown>;
  readonly err?: unknown;
}

export class RpcClient {
  #next = 0;
  constructor(private readonly nats: NatsConnection) {}

  /** Throws ServiceError: the other side's failure, or 'unavailable' when nobody answers within `timeout` ms. */
  async call<S extends Subject>(subject: S, data: Request<S>, timeout = 10_000): Promise<Answer<S>> {
    const id = String(this.#next++);
    const packet = await this.nats
      .request(subject, JSON.stringify({ pattern: subject, data, id }), { timeout })
      .then((message) => message.json<Packet>())
      .catch((error: unknown) => Promise.reject(asUnavailable(subject, error)));
    if (packet.response === undefined)
      throw unavailable('bad-reply', `${subject} answered with an error`, { cause: packet.err });
    if (!packet.response.ok) throw new ServiceError(packet.response.failure);
    return packet.response.value as Answer<S>;
  }
}

function asUnavailable(subject: string, error: unknown): ServiceError {
  const service = subject.slice(0, subject.indexOf('.'));
  const silent = error instanceof NoRespondersError || (error instanceof RequestError && error.isNoResponders());
  if (silent) return unavailable('no-service', `the ${service} service is not running`, { cause: error });
  if (error instanceof TimeoutError)
    return unavailable('timeout', `the ${service} service did not answer in time`, { cause: error });
  return unavailable('bus', `the message bus is not reachable`, { cause: error });
}
