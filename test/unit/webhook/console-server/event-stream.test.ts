import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ClusterStanding, ConsoleEvent } from '../../../../webhook/console/console-model.ts';
import type { RunName, RunState } from '../../../../webhook/console/console-reports.ts';
import { CoverageBoard } from '../../../../webhook/console/coverage-board.ts';
import { EventReader } from '../../../../webhook/console/read-events.ts';
import { EventStream } from '../../../../webhook/console-server/event-stream.ts';

const standing: ClusterStanding = {
  connection: 'connected',
  sinceS: 0,
  server: 'https://127.0.0.1:6443',
  version: '0.1.0',
  awaited: [],
  unheard: [],
  objects: 0,
  configuration: { words: 'built-in defaults' },
  hooks: 'there',
};

/** A socket that takes as much as a test lets it. */
class FakeResponse extends EventEmitter {
  isFull = false;
  isDestroyed = false;
  readonly events: ConsoleEvent[] = [];
  readonly #reader = new EventReader();

  write(text: string): boolean {
    this.events.push(...this.#reader.push(text));
    return !this.isFull;
  }

  end(): void {
    this.emit('close');
  }

  destroy(): void {
    this.isDestroyed = true;
    this.emit('close');
  }

  of(kind: ConsoleEvent['kind']): readonly ConsoleEvent[] {
    return this.events.filter((event) => event.kind === kind);
  }
}

class Scene {
  readonly board = new CoverageBoard();
  readonly response = new FakeResponse();
  readonly boardListeners = new Set<(change: 'board' | 'cluster') => void>();
  readonly runListeners = new Set<(run: RunName, state: RunState) => void>();

  open(since?: string): void {
    const { board } = this;
    const stream = new EventStream(this.response as unknown as ServerResponse, since, {
      epoch: 'here',
      nowS: () => 1,
      desk: {
        cluster: {
          board,
          standing,
          onChange: (listener) => {
            this.boardListeners.add(listener);
            return () => this.boardListeners.delete(listener);
          },
        },
        onRun: (listener) => {
          this.runListeners.add(listener);
          return () => this.runListeners.delete(listener);
        },
      },
    });
    stream.start();
  }

  label(name: string, label: 'enabled' | 'none'): void {
    this.board.putNamespace({ name, label, isEnding: false });
    this.board.flush();
    for (const listener of this.boardListeners) listener('board');
  }
}

describe('events for one page', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('begin with a beat and the standing, and tell each change', () => {
    const scene = new Scene();
    scene.open();
    expect(scene.response.events.map(({ kind }) => kind)).toEqual(['beat', 'cluster']);
    scene.label('shop', 'none');
    expect(scene.response.events.at(-1)).toMatchObject({
      kind: 'changed',
      version: 'here.1',
      namespaces: [{ name: 'shop' }],
    });
    vi.advanceTimersByTime(11_000);
    expect(scene.response.of('beat')).toHaveLength(3);
  });

  it('queue nothing for a slow reader: it gets the newest state of what changed, once', () => {
    const scene = new Scene();
    scene.open();
    scene.response.isFull = true;
    scene.label('first', 'none');
    for (let i = 0; i < 1_000; i += 1) scene.label('shop', i % 2 === 0 ? 'enabled' : 'none');
    for (const listener of scene.boardListeners) listener('cluster');
    expect(scene.response.of('changed')).toHaveLength(1);
    expect(scene.response.of('cluster')).toHaveLength(1);
    scene.response.isFull = false;
    scene.response.emit('drain');
    expect(scene.response.of('changed')).toHaveLength(2);
    expect(scene.response.events.at(-1)).toMatchObject({
      version: 'here.1001',
      namespaces: [{ name: 'shop', label: 'none' }],
    });
  });

  it('give up a reader that reads nothing at all', () => {
    const scene = new Scene();
    scene.open();
    scene.response.isFull = true;
    scene.label('shop', 'none');
    vi.advanceTimersByTime(59_000);
    expect(scene.response.isDestroyed).toBe(false);
    vi.advanceTimersByTime(10_000);
    expect(scene.response.isDestroyed).toBe(true);
    expect(scene.boardListeners.size + scene.runListeners.size).toBe(0);
  });

  it.each(['there.1', 'here.99', 'here.-1', 'here.x', ''])('cannot resume from "%s"', (since) => {
    const scene = new Scene();
    scene.open(since);
    scene.label('shop', 'none');
    expect(scene.response.of('reset')).toHaveLength(1);
  });
});
