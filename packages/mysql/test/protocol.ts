/** Commands that have no answer: the end of a connection, and of a prepared statement. */
const unanswered: readonly (number | undefined)[] = [0x01, 0x19];

/** Whether bytes of a client are a command that is answered: a packet with the number 0, whose fifth byte says which. */
export function isCommand(bytes: Buffer): boolean {
  return bytes[3] === 0 && !unanswered.includes(bytes[4]);
}

/** What says that a statement was done, and affected nothing, with the flags of a connection in autocommit mode. */
export function okAnswer({ inTransaction }: { inTransaction: boolean }): Buffer {
  return Buffer.from([7, 0, 0, 1, 0, 0, 0, inTransaction ? 3 : 2, 0, 0, 0]);
}
