/** Ids in paths and queries. */
import { Param, type PipeTransform } from '@nestjs/common';
import { ApiParam } from '@nestjs/swagger';
import { badRequest } from './failure.js';
import { uuid } from './fields.js';

class IdPipe implements PipeTransform<string, string> {
  constructor(private readonly label: string) {}
  transform(value: string): string {
    if (!uuid.test(value)) throw badRequest(`${this.label} must be a UUID`);
    return value.toLowerCase();
  }
}

/** A UUID of the path, in lower case. `label` starts the message: 'Source id'. */
export const Id = (name: string, label: string): ParameterDecorator => {
  const pipe = new IdPipe(label);
  return (target, property, index) => {
    Param(name, pipe)(target, property, index);
    if (property === undefined) return;
    const descriptor = Object.getOwnPropertyDescriptor(target, property);
    if (descriptor)
      ApiParam({ name, description: `${label}.`, schema: { type: 'string', format: 'uuid' } })(
        target,
        property,
        descriptor,
      );
  };
};
