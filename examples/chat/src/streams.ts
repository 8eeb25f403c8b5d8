import { toUIMessageChunks } from "@sessiondb/ai-sdk";
import type { UIMessage, UIMessageChunk } from "ai";

export interface StreamLimits {
  /** The answers that are kept at a time; beyond it, a further one cannot be resumed. Default 1000. */
  readonly answers?: number;
  /** The characters that are kept of one answer; a longer one cannot be resumed. Default 4,000,000. */
  readonly characters?: number;
}

/** The chunks of an answer until now, and those who read what comes. */
interface Answer {
  readonly chunks: string[];
  readonly readers: Set<ReadableStreamDefaultController<string>>;
}

/**
 * The answers in progress, each under the id of its run: whoever comes late reads one from its beginning. They are in the
 * memory of this process; several processes would keep them in a place that all of them reach, such as Redis.
 */
export class Streams {
  readonly #answers = new Map<string, Answer>();
  readonly #limits: Required<StreamLimits>;

  constructor({ answers = 1000, characters = 4_000_000 }: StreamLimits = {}) {
    this.#limits = { answers, characters };
  }

  /**
   * Reads an answer to its end, with or without its client, so that the run goes on when a tab is closed. `before` is the
   * message that it goes on with, null for a new one.
   */
  async keep(id: string, chunks: ReadableStream<string>, before: UIMessage | null = null): Promise<void> {
    if (this.#answers.size < this.#limits.answers) {
      const replay = before === null ? [] : toUIMessageChunks(before);
      this.#answers.set(id, { chunks: replay.map(eventOf), readers: new Set() });
    }
    let characters = 0;
    try {
      for await (const chunk of chunks) {
        characters += chunk.length;
        if (characters > this.#limits.characters) {
          // The page reads the chat again, as after a lost connection.
          this.#drop(id, (reader) => reader.error(new Error("The answer is too long to be resumed")));
        }
        const answer = this.#answers.get(id);
        answer?.chunks.push(chunk);
        answer?.readers.forEach((reader) => reader.enqueue(chunk));
      }
      this.#drop(id, (reader) => reader.close());
    } catch (error) {
      this.#drop(id, (reader) => reader.error(error));
    }
  }

  /** Returns an answer in progress from its beginning; null if there is none, or if it is too long. */
  read(id: string): ReadableStream<string> | null {
    const answer = this.#answers.get(id);
    if (answer === undefined) {
      return null;
    }
    let own: ReadableStreamDefaultController<string>;
    return new ReadableStream<string>({
      start: (controller) => {
        own = controller;
        answer.chunks.forEach((chunk) => controller.enqueue(chunk));
        answer.readers.add(controller);
      },
      cancel: () => void answer.readers.delete(own),
    });
  }

  #drop(id: string, end: (reader: ReadableStreamDefaultController<string>) => void): void {
    this.#answers.get(id)?.readers.forEach(end);
    this.#answers.delete(id);
  }
}

/** A chunk as it is sent: a server-sent event. */
function eventOf(chunk: UIMessageChunk): string {
  return `data: ${JSON.stringify(chunk)}\n\n`;
}
